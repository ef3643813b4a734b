//! A table of text for a terminal: aligned columns, cut to a width, without trailing spaces.
//!
//! Cells are given as they shall be read: escaped names, formatted numbers.

use super::name::{clip, shorten, width};
use super::severity::Severity;

/// Spaces between two columns.
const GAP: usize = 2;
/// Most columns of names are not cut below this: first spare columns go, then the line is cut at its end.
const NARROWEST: usize = 14;

/// A column.
pub(super) struct Column {
    title: &'static str,
    /// Names may be cut, all else is kept.
    is_name: bool,
    /// Numbers are to the right.
    is_left: bool,
    /// Left out where the terminal is too narrow for all.
    is_spare: bool,
    /// Of names: where they would be cut below this, spare columns go.
    least: usize,
}

impl Column {
    /// A column of names.
    pub(super) const fn name(title: &'static str) -> Column {
        Column { title, is_name: true, is_left: true, is_spare: false, least: NARROWEST }
    }

    /// A column of numbers.
    pub(super) const fn number(title: &'static str) -> Column {
        Column { title, is_name: false, is_left: false, is_spare: false, least: 0 }
    }

    /// A column of numbers that goes first where there is no room; the last of them before the others.
    pub(super) const fn spare(title: &'static str) -> Column {
        Column { title, is_left: false, ..Column::bars(title) }
    }

    /// A column of bars, which goes as spare numbers do.
    pub(super) const fn bars(title: &'static str) -> Column {
        Column { title, is_name: false, is_left: true, is_spare: true, least: 0 }
    }

    /// A column of names that are worth more than spare columns, up to so many columns of theirs.
    pub(super) const fn at_least(self, least: usize) -> Column {
        Column { least, ..self }
    }
}

/// A cell and how bad it is.
pub(super) struct Cell {
    text: String,
    severity: Severity,
    /// Cut at its end: what comes first matters most.
    is_list: bool,
}

impl Cell {
    /// The cell with a colour by severity.
    pub(super) fn coloured(self, severity: Severity) -> Cell {
        Cell { severity, ..self }
    }

    /// The cell as a list whose first items matter most: it is cut at its end, a name in its middle.
    pub(super) fn list(self) -> Cell {
        Cell { is_list: true, ..self }
    }
}

impl From<String> for Cell {
    fn from(mut text: String) -> Cell {
        // Names may end in spaces; lines do not.
        text.truncate(text.trim_end().len());
        Cell { text, severity: Severity::None, is_list: false }
    }
}

/// Writes heading and rows, a line each, with a line break after every line.
pub(super) fn render(columns: &[Column], rows: &[Vec<Cell>], limit: Option<usize>, colour: bool) -> String {
    let widths = fit(columns, natural_widths(columns, rows), limit);
    let titles: Vec<Cell> = columns.iter().map(|column| Cell::from(column.title.to_owned())).collect();
    let heading = line(columns, &titles, &widths, limit, false);
    let mut text = if colour { format!("\x1b[1m{heading}\x1b[0m\n") } else { format!("{heading}\n") };
    for row in rows {
        text.push_str(&line(columns, row, &widths, limit, colour));
        text.push('\n');
    }
    text
}

/// The columns that numbers leave for the names in the last column; rows are without these.
pub(super) fn room_for_last(columns: &[Column], rows: &[Vec<Cell>], limit: usize) -> usize {
    let numbers = &columns[..columns.len() - 1];
    let taken: usize = natural_widths(numbers, rows).into_iter().map(|width| width + GAP).sum();
    limit.saturating_sub(taken)
}

fn natural_widths(columns: &[Column], rows: &[Vec<Cell>]) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(|column| width(column.title)).collect();
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(&cell.text));
        }
    }
    widths
}

/// The widths of the columns, nothing for those that are left out.
fn fit(columns: &[Column], natural: Vec<usize>, limit: Option<usize>) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = natural.into_iter().map(Some).collect();
    let Some(limit) = limit else { return widths };
    let least = |(column, width): (&Column, &Option<usize>)| {
        width.map(|width| GAP + if column.is_name { width.min(column.least) } else { width })
    };
    for spare in (0..columns.len()).rev().filter(|place| columns[*place].is_spare) {
        if columns.iter().zip(&widths).filter_map(least).sum::<usize>() > limit + GAP {
            widths[spare] = None;
        }
    }
    let total: usize = widths.iter().flatten().map(|width| width + GAP).sum();
    // What is too much is taken from the columns of names, always from the widest.
    for _ in limit + GAP..total {
        let names = columns.iter().zip(&mut widths).filter(|(column, _)| column.is_name);
        match names.filter_map(|(_, width)| width.as_mut()).max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => break,
        }
    }
    widths
}

fn line(
    columns: &[Column],
    cells: &[Cell],
    widths: &[Option<usize>],
    limit: Option<usize>,
    colour: bool,
) -> String {
    let mut line = String::new();
    let mut blank = 0;
    let mut room = limit.unwrap_or(usize::MAX);
    for ((column, cell), column_width) in columns.iter().zip(cells).zip(widths) {
        let Some(column_width) = *column_width else { continue };
        let most = if column.is_name { column_width.min(room.saturating_sub(blank)) } else { column_width };
        let text = if cell.is_list { clip(&cell.text, most) } else { shorten(&cell.text, most) };
        let fill = column_width - width(&text);
        if !column.is_left {
            blank += fill;
        }
        if !text.is_empty() {
            let shown = clip(&text, room.saturating_sub(blank));
            // A text of accents alone takes no room, its blanks do.
            if shown.is_empty() || room < blank {
                break;
            }
            line.extend(std::iter::repeat_n(' ', blank));
            push_coloured(&mut line, &shown, if colour { cell.severity } else { Severity::None });
            room -= blank + width(&shown);
            blank = 0;
        }
        blank += GAP + if column.is_left { fill } else { 0 };
    }
    line
}

fn push_coloured(line: &mut String, text: &str, severity: Severity) {
    let code = match severity {
        Severity::None => return line.push_str(text),
        Severity::Low | Severity::Raised => "33",
        Severity::High => "31",
    };
    line.push_str(&format!("\x1b[{code}m{text}\x1b[0m"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(limit: Option<usize>) -> String {
        let columns = [Column::name("name"), Column::number("calls"), Column::name("via")];
        let rows = [
            vec![Cell::from("東京".to_owned()), Cell::from("1,234".to_owned()), Cell::from(String::new())],
            vec![
                Cell::from("a-service-with-a-long-name".to_owned()),
                Cell::from("7".to_owned()),
                Cell::from("queue".to_owned()),
            ],
        ];
        render(&columns, &rows, limit, false)
    }

    #[test]
    fn wide_characters_keep_the_columns_aligned() {
        let expected = "name                        calls  via\n\
                        東京                        1,234\n\
                        a-service-with-a-long-name      7  queue\n";
        assert_eq!(table(None), expected);
    }

    #[test]
    fn names_give_way_before_numbers() {
        let expected = "name            calls  via\n東京            1,234\na-servi…g-name      7  queue\n";
        assert_eq!(table(Some(28)), expected);
    }

    #[test]
    fn spare_columns_go_before_names_are_cut_too_far() {
        let columns =
            [Column::name("name"), Column::spare("p50"), Column::number("p95"), Column::spare("p99")];
        let row =
            || ["a-service-with-a-long-name", "1 ms", "2 ms", "3 ms"].map(|text| Cell::from(text.to_owned()));
        let cases = [
            (32, "name             p50   p95   p99\na-servi…g-name  1 ms  2 ms  3 ms\n"),
            (31, "name                  p50   p95\na-service…long-name  1 ms  2 ms\n"),
            (25, "name                  p95\na-service…long-name  2 ms\n"),
        ];
        for (limit, expected) in cases {
            assert_eq!(render(&columns, &[row().into()], Some(limit), false), expected, "{limit}");
        }
    }

    #[test]
    fn names_that_are_worth_more_keep_their_room() {
        let columns = [Column::name("name").at_least(26), Column::number("p50"), Column::spare("p99")];
        let row = || ["a-service-with-a-long-name", "1 ms", "3 ms"].map(|text| Cell::from(text.to_owned()));
        let cases = [
            (38, "name                         p50   p99\na-service-with-a-long-name  1 ms  3 ms\n"),
            (37, "name                         p50\na-service-with-a-long-name  1 ms\n"),
            (24, "name                 p50\na-service…ong-name  1 ms\n"),
        ];
        for (limit, expected) in cases {
            assert_eq!(render(&columns, &[row().into()], Some(limit), false), expected, "{limit}");
        }
    }

    #[test]
    fn bars_are_whole_or_gone_and_a_name_is_cut_once() {
        let columns = [Column::number("ms"), Column::bars(""), Column::name("span")];
        let row =
            || ["12.5", "████████", "a-service-with-a-long-name"].map(|text| Cell::from(text.to_owned()));
        let cases = [
            (30, "  ms            span\n12.5  ████████  a-servi…g-name\n"),
            (29, "  ms  span\n12.5  a-service-w…a-long-name\n"),
            (15, "  ms  span\n12.5  a-se…name\n"),
        ];
        for (limit, expected) in cases {
            assert_eq!(render(&columns, &[row().into()], Some(limit), false), expected, "{limit}");
        }
    }

    #[test]
    fn no_width_is_exceeded_and_no_line_ends_in_a_space() {
        for limit in 0..45 {
            for line in table(Some(limit)).lines() {
                assert!(width(line) <= limit, "{limit}: {line}");
                assert!(!line.ends_with(' '), "{limit}: {line}");
            }
        }
    }

    #[test]
    fn colour_is_around_the_text_and_not_around_the_spaces() {
        let columns = [Column::name("name"), Column::number("errors")];
        let rows =
            [vec![Cell::from("cart".to_owned()), Cell::from("7 %".to_owned()).coloured(Severity::High)]];
        let expected = "\x1b[1mname  errors\x1b[0m\ncart     \x1b[31m7 %\x1b[0m\n";
        assert_eq!(render(&columns, &rows, Some(80), true), expected);
    }
}
