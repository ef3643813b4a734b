//! The only way from text to a DOT string: the printer behind it quotes and escapes nothing.
//!
//! What is between the quotes means different things in DOT: an id is taken as it stands, but has no escape for a
//! backslash; a label knows `\n`, `\l`, `\N` and HTML entities.
//! Hence two ways in, for ids and for labels, and a third for words of our own.

use std::fmt::Write as _;

use graphviz_rust::dot_structures::{Attribute, Id};

use crate::export::name::{is_hidden, visible};

/// Text that is safe in a label: it shows what was given; hidden characters (NUL too) show as escapes.
pub(super) struct Escaped(String);

impl Escaped {
    /// Escapes any text.
    pub(super) fn text(text: &str) -> Escaped {
        let text = visible(text);
        // Entities are replaced in labels: `&lt;` would be drawn as `<`.
        if !text.contains(['"', '\\', '&']) {
            return Escaped(text.into_owned());
        }
        Escaped(text.replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;"))
    }

    /// Numbers and units of this program, which need no escape.
    pub(super) fn numbers(text: String) -> Escaped {
        debug_assert_eq!(Escaped::text(&text).0, text);
        Escaped(text)
    }
}

/// A DOT string, quoted and escaped.
pub(super) struct Quoted(String);

impl Quoted {
    /// An identifier: percent-encoded where it must be, so that percent-decoding gives the exact name back.
    /// Encoded are `%`, quotes, backslashes, `&`, `<`, `>` and all characters that cannot be seen, NUL among them.
    pub(super) fn id(name: &str) -> Quoted {
        let mut text = String::with_capacity(name.len() + 2);
        text.push('"');
        push_encoded(&mut text, name);
        text.push('"');
        Quoted(text)
    }

    /// The identifier of a cluster: all of its parts make it; `#` stands between them and in none.
    pub(super) fn cluster(parts: [&str; 2]) -> Quoted {
        let encoded = parts.map(|part| {
            let mut text = String::new();
            push_encoded(&mut text, part);
            text.replace('#', "%23")
        });
        Quoted(format!("\"cluster_{}\"", encoded.join("#")))
    }

    /// A text of some lines, each of some parts.
    pub(super) fn lines(lines: &[&[&Escaped]]) -> Quoted {
        let bytes: usize = lines.iter().flat_map(|line| line.iter()).map(|part| part.0.len()).sum();
        let mut text = String::with_capacity(bytes + 2 * lines.len());
        text.push('"');
        for (place, line) in lines.iter().enumerate() {
            if place > 0 {
                text.push_str("\\n");
            }
            line.iter().for_each(|part| text.push_str(&part.0));
        }
        text.push('"');
        Quoted(text)
    }

    /// A text of some lines, each in the middle.
    pub(super) fn centred<T: AsRef<str>>(lines: &[T]) -> Quoted {
        let lines: Vec<String> = lines.iter().map(|line| Escaped::text(line.as_ref()).0).collect();
        Quoted(format!("\"{}\"", lines.join("\\n")))
    }

    /// A text of some lines that all begin at the left.
    pub(super) fn left_aligned(lines: &[String]) -> Quoted {
        let lines: String = lines.iter().map(|line| Escaped::text(line).0 + "\\l").collect();
        Quoted(format!("\"{lines}\""))
    }

    /// A constant of this program that needs no escape.
    pub(super) fn word(word: &'static str) -> Quoted {
        debug_assert!(!word.contains(['"', '\\']), "{word}");
        Quoted(format!("\"{word}\""))
    }

    /// A number with one decimal.
    pub(super) fn number(value: f64) -> Quoted {
        Quoted(format!("{value:.1}"))
    }

    /// The string as an id of the printer.
    pub(super) fn into_id(self) -> Id {
        Id::Escaped(self.0)
    }

    /// The attribute `key` with this value.
    pub(super) fn attribute(self, key: &'static str) -> Attribute {
        Attribute(Id::Plain(key.to_owned()), self.into_id())
    }
}

fn push_encoded(text: &mut String, name: &str) {
    for c in name.chars() {
        if is_hidden(c) || matches!(c, '%' | '"' | '\\' | '&' | '<' | '>') {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                write!(text, "%{byte:02X}").expect("a String takes every write");
            }
        } else {
            text.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_readable_and_exact() {
        let cases = [
            ("service:cart@shop#prod", "\"service:cart@shop#prod\""),
            ("GET /größe", "\"GET /größe\""),
            ("a\"b\\c%d", "\"a%22b%5Cc%25d\""),
            ("<b>&amp;\n\0", "\"%3Cb%3E%26amp;%0A%00\""),
            ("", "\"\""),
        ];
        for (name, expected) in cases {
            assert_eq!(Quoted::id(name).0, expected);
        }
    }

    #[test]
    fn labels_show_what_they_are_given() {
        let cases: [(&[&str], &str); 5] = [
            (&["cart"], "\"cart\""),
            (&["cart", "GET /"], "\"cart\\nGET /\""),
            (&["a\"b\\N"], "\"a\\\"b\\\\N\""),
            (&["<b>x</b> &lt;"], "\"<b>x</b> &amp;lt;\""),
            (&["a\nb"], "\"a\\\\nb\""),
        ];
        for (lines, expected) in cases {
            assert_eq!(Quoted::centred(lines).0, expected);
        }
    }

    #[test]
    fn lines_are_made_of_parts() {
        let [a, b] = ["a\"", "b"].map(Escaped::text);
        assert_eq!(Quoted::lines(&[&[&a, &b], &[&b]]).0, "\"a\\\"b\\nb\"");
        assert_eq!(Quoted::left_aligned(&["a".to_owned(), "b".to_owned()]).0, "\"a\\lb\\l\"");
    }

    #[test]
    fn clusters_of_different_parts_differ() {
        assert_eq!(Quoted::cluster(["shop", "prod"]).0, "\"cluster_shop#prod\"");
        assert_ne!(Quoted::cluster(["a#b", "c"]).0, Quoted::cluster(["a", "b#c"]).0);
    }
}
