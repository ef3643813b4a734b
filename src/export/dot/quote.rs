//! The only way from text to a DOT string: the printer behind it quotes and escapes nothing.
//!
//! What is between the quotes means different things in DOT: an id is taken as it stands, but has no escape for a
//! backslash; a label knows `\n`, `\l`, `\N` and HTML entities.
//! Hence two ways in, for ids and for labels, and a third for words of our own.

use std::fmt::Write as _;

use graphviz_rust::dot_structures::{Attribute, Id};

use crate::export::name::{is_hidden, visible};

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

    /// A text of some lines, each shown as it is given; hidden characters (NUL too) are shown as escapes.
    pub(super) fn lines<T: AsRef<str>>(lines: &[T]) -> Quoted {
        let mut text =
            String::with_capacity(lines.iter().map(|line| line.as_ref().len() + 2).sum::<usize>() + 8);
        text.push('"');
        for (place, line) in lines.iter().enumerate() {
            if place > 0 {
                text.push_str("\\n");
            }
            push_label(&mut text, line.as_ref());
        }
        text.push('"');
        Quoted(text)
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

fn push_label(text: &mut String, line: &str) {
    for c in visible(line).chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            // Entities are replaced in labels: `&lt;` would be drawn as `<`.
            '&' => text.push_str("&amp;"),
            c => text.push(c),
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
            assert_eq!(Quoted::lines(lines).0, expected);
        }
    }

    #[test]
    fn clusters_of_different_parts_differ() {
        assert_eq!(Quoted::cluster(["shop", "prod"]).0, "\"cluster_shop#prod\"");
        assert_ne!(Quoted::cluster(["a#b", "c"]).0, Quoted::cluster(["a", "b#c"]).0);
    }
}
