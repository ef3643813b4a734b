//! Markdown for a wiki: names as plain text whatever they hold, and tables.

use super::name::visible;

/// A name as text: nothing in it is taken for Markdown or HTML, and it stays in its cell.
pub(super) fn plain(name: &str) -> String {
    let name = visible(name);
    let mut text = String::with_capacity(name.len() + 8);
    for (at, c) in name.char_indices() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '|' | '$' => text.extend(['\\', c]),
            // Else an address would become a link.
            ':' if name[at..].starts_with("://") => text.push_str("\\:"),
            '.' if name[..at].ends_with("www") => text.push_str("\\."),
            c => text.push(c),
        }
    }
    text
}

/// Lines of plain text, each on a line of its own.
pub(super) fn paragraph(lines: &[String]) -> String {
    lines.iter().map(|line| plain(line) + "  \n").collect()
}

/// A column: its title, and true for numbers, which are to the right.
pub(super) type Column = (&'static str, bool);

/// A table, a line a row, with an empty line before it. Cells are Markdown already.
pub(super) fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::from("|");
        for cell in cells {
            line.extend([" ", cell, " |"]);
        }
        line + "\n"
    };
    let mut text = String::from("\n");
    text += &line(&mut columns.iter().map(|(title, _)| *title));
    text += &line(&mut columns.iter().map(|(_, is_number)| if *is_number { "---:" } else { "---" }));
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_never_markdown() {
        let cases = [
            ("cart", "cart"),
            ("a|b", "a\\|b"),
            ("<b>&amp;", "&lt;b>&amp;amp;"),
            ("*x* _y_ `z`", "\\*x\\* \\_y\\_ \\`z\\`"),
            ("[a](http://x:80)", "\\[a\\](http\\://x:80)"),
            ("www.bank.example", "www\\.bank.example"),
            ("a\nb", "a\\\\nb"),
        ];
        for (name, expected) in cases {
            assert_eq!(plain(name), expected);
        }
    }

    #[test]
    fn a_table_is_aligned_by_its_second_line() {
        let rows = [vec!["cart".to_owned(), "7".to_owned()]];
        let expected = "\n| name | calls |\n| --- | ---: |\n| cart | 7 |\n";
        assert_eq!(table(&[("name", false), ("calls", true)], &rows), expected);
    }
}
