//! What every picture is written with: escaped text, short numbers, widths of text, colours for light and dark.
//!
//! Colours stand in a style sheet, each rule once for light and once for dark pages, so that pictures follow the
//! reader's setting, also as an image in a wiki.
//! No CSS variables: converters outside of browsers know none and would draw everything black.

use std::fmt::{Display, Write as _};

use crate::export::layout::Point;
use crate::export::name::{clip, shorten, visible, width};

/// Fonts of the systems; widths below fit the widest of them, DejaVu Sans.
pub(in crate::export) const FONTS: &str =
    "system-ui,-apple-system,&apos;Segoe UI&apos;,Roboto,&apos;Helvetica Neue&apos;,Arial,sans-serif";
/// Between the picture and its rim, pixels.
pub(in crate::export) const MARGIN: f64 = 24.0;

/// Name, on light pages, on dark pages.
const COLOURS: [(&str, &str, &str); 24] = [
    ("ground", "#ffffff", "#0d1117"),
    ("ink", "#1c2733", "#e6edf3"),
    ("muted", "#57636f", "#9aa6b2"),
    ("line", "#8492a0", "#75818e"),
    ("warn", "#9a5b00", "#e3a94f"),
    ("service", "#dce9f9", "#1b2f4a"),
    ("service-line", "#4f81bd", "#6ca0dc"),
    ("database", "#e8e2f8", "#2c2547"),
    ("database-line", "#7e6bc4", "#a594e6"),
    ("messaging", "#d8f2e4", "#16352a"),
    ("messaging-line", "#3d9a6d", "#5cc394"),
    ("external", "#fbfbfc", "#161b22"),
    ("low", "#9a7b12", "#d6b94a"),
    ("raised", "#c8640a", "#f0883e"),
    ("high", "#cf222e", "#ff6b6b"),
    ("mark", "#ffd33d", "#d29922"),
    ("other", "#e3e7ec", "#262d36"),
    ("other-line", "#b8c1cb", "#4a545f"),
    // ColorBrewer's YlGnBu, which the colour-blind can read: darker on light, lighter on dark; grey: one flow alone.
    ("q0", "#a3adb8", "#6b7885"),
    ("q1", "#6cc0ad", "#2f6db5"),
    ("q2", "#3aa9bd", "#2a93c4"),
    ("q3", "#1d82b5", "#4fbfc8"),
    ("q4", "#225ea8", "#95d8b4"),
    ("q5", "#0c2c84", "#edf8b1"),
];

/// A rule of the style sheet: selector, what has colours (`$name`), and what has none.
pub(in crate::export) struct Rule(pub &'static str, pub &'static str, pub &'static str);

/// Rules that all pictures need.
const COMMON: [Rule; 10] = [
    Rule(".ground", "fill:$ground", ""),
    Rule("text", "fill:$ink", "font-size:12px"),
    Rule(".heading", "", "font-size:16px;font-weight:600"),
    Rule(".sub", "fill:$muted", "font-size:12px"),
    Rule(".note", "fill:$warn", "font-size:12px"),
    Rule(".small", "fill:$muted", "font-size:11px"),
    Rule(".halo", "stroke:$ground", "paint-order:stroke;stroke-width:3px;stroke-linejoin:round"),
    Rule(".mid", "", "text-anchor:middle"),
    Rule(".end", "", "text-anchor:end"),
    Rule("a:hover text", "", "text-decoration:underline"),
];

/// The style sheet, for elements inside of `svg.linchpin` alone: pages may hold several pictures.
pub(in crate::export) fn style(rules: &[Rule]) -> String {
    let all = || COMMON.iter().chain(rules);
    let mut text = String::from("<style>");
    for Rule(selector, coloured, plain) in all() {
        let sep = if coloured.is_empty() || plain.is_empty() { "" } else { ";" };
        push(
            &mut text,
            format_args!("\n.linchpin {selector}{{{}{sep}{plain}}}", with_colours(coloured, false)),
        );
    }
    text.push_str("\n@media (prefers-color-scheme:dark){");
    for Rule(selector, coloured, _) in all().filter(|rule| !rule.1.is_empty()) {
        push(&mut text, format_args!("\n.linchpin {selector}{{{}}}", with_colours(coloured, true)));
    }
    text.push_str("\n}\n</style>\n");
    text
}

fn with_colours(declarations: &str, is_dark: bool) -> String {
    let mut parts = declarations.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        let colour =
            COLOURS.iter().find(|(known, ..)| *known == name).expect("rules name colours of the table");
        text.push_str(if is_dark { colour.2 } else { colour.1 });
        text.push_str(rest);
    }
    text
}

/// Appends what is formatted.
pub(in crate::export) fn push(text: &mut String, what: std::fmt::Arguments) {
    text.write_fmt(what).expect("a String takes every write");
}

/// Any text as XML: hidden characters as escapes, the rest as it is.
pub(in crate::export) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            c => safe.push(c),
        }
    }
    safe
}

/// `<title>` of these lines: what a pointer over the element shows, and screen readers read.
pub(in crate::export) fn title(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
    format!("<title>{}</title>", lines.join("\n"))
}

/// A line of text whose baseline starts at a point.
pub(in crate::export) fn text(x: f64, y: f64, class: &str, words: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<text x=\"{}\" y=\"{}\"{class}>{}</text>", Short(x), Short(y), escaped(words))
}

/// A length with one decimal at most.
pub(in crate::export) struct Short(pub f64);

impl Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.0 * 10.0).round() / 10.0;
        // No `-0`.
        let tenths = if tenths == 0.0 { 0.0 } else { tenths };
        write!(f, "{tenths}")
    }
}

/// Width of the narrowest letter, ems.
const NARROWEST: f64 = 0.29;

/// The width of a line of text in pixels, by a rule of thumb that is rather too wide.
pub(in crate::export) fn text_width(text: &str, size: f64) -> f64 {
    let mut buffer = [0; 4];
    let ems = text.chars().map(|c| match c {
        'i' | 'j' | 'l' | '\'' | '|' => NARROWEST,
        ' ' | '.' | ',' | ':' | ';' | '/' | '\\' | '!' | 'I' | '·' => 0.34,
        'f' | 't' | 'r' | '-' | '(' | ')' | '[' | ']' => 0.4,
        'm' | 'M' | 'W' | '%' | '@' => 0.97,
        'w' | '→' | '<' | '>' | '+' | '=' | '~' | '…' => 0.84,
        'A'..='Z' => 0.72,
        c => match width(c.encode_utf8(&mut buffer)) {
            2 => 1.05,
            wide => 0.63 * wide as f64,
        },
    });
    ems.sum::<f64>() * size
}

/// The text, shortened until it is no wider than so many pixels: both ends of a name tell.
pub(in crate::export) fn fitted(text: &str, size: f64, room: f64) -> String {
    // No column is narrower.
    let most = (room / (NARROWEST * size)) as usize;
    let mut columns = width(text).min(most.max(1));
    let mut fitted = shorten(text, columns).into_owned();
    while columns > 1 && text_width(&fitted, size) > room {
        columns -= 1;
        fitted = shorten(text, columns).into_owned();
    }
    fitted
}

/// A chain of curves (a start, then three points a curve) as path data.
pub(in crate::export) fn path_data(points: &[Point]) -> String {
    let (start, curves) = (points[0], points[1..].chunks_exact(3));
    let mut path = format!("M{} {}", Short(start.x), Short(start.y));
    let mut at = start;
    for curve in curves {
        let end = curve[2];
        if curve.iter().all(|point| point.y == at.y) {
            push(&mut path, format_args!("H{}", Short(end.x)));
        } else {
            for (letter, point) in ["C", " ", " "].into_iter().zip(curve) {
                push(&mut path, format_args!("{letter}{} {}", Short(point.x), Short(point.y)));
            }
        }
        at = end;
    }
    path
}

/// A whole picture around its body: size, title, style, ground.
pub(in crate::export) fn sheet(size: (f64, f64), heading: &str, rules: &[Rule], body: &str) -> String {
    let [width, height] = [size.0, size.1].map(|length| length.ceil());
    let heading = escaped(heading);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"linchpin\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"{FONTS}\" role=\"graphics-document document\" \
         aria-label=\"{heading}\">\n<title>{heading}</title>\n{}\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n{body}</svg>\n",
        style(rules),
    )
}

/// Heading, lines below it and notes, from the top; gives the text and how far down and to the right it reaches.
pub(in crate::export) fn head(heading: &str, sub: &[String], notes: &[String]) -> (String, f64, f64) {
    let mut body = text(MARGIN, MARGIN + 14.0, "heading", heading) + "\n";
    let mut y = MARGIN + 17.0;
    let mut right = MARGIN + text_width(heading, 16.0);
    let lines = sub.iter().map(|line| (line, "sub")).chain(notes.iter().map(|line| (line, "note")));
    for (line, class) in lines {
        y += 17.0;
        let line = clip(line, NOTE_COLUMNS);
        right = right.max(MARGIN + text_width(&line, 12.0));
        push(&mut body, format_args!("{}\n", text(MARGIN, y, class, &line)));
    }
    (body, y + 22.0, right)
}

/// Lines of the head are cut to this many columns.
const NOTE_COLUMNS: usize = 160;

/// Steps of the effective number of flows: the class, and the words of the legend.
pub(in crate::export) const NEFF_STEPS: [(&str, &str); 6] =
    [("q0", "1"), ("q1", "≤ 2"), ("q2", "≤ 3"), ("q3", "≤ 5"), ("q4", "≤ 8"), ("q5", "> 8")];

/// The class of an effective number of flows.
pub(in crate::export) fn neff_class(neff: f64) -> &'static str {
    let step = match neff {
        n if n.is_nan() || n < 1.05 => 0,
        n if n <= 2.0 => 1,
        n if n <= 3.0 => 2,
        n if n <= 5.0 => 3,
        n if n <= 8.0 => 4,
        _ => 5,
    };
    NEFF_STEPS[step].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_xml_whatever_it_is() {
        let cases = [
            ("a<b>&\"c\"'d'", "a&lt;b&gt;&amp;&quot;c&quot;&apos;d&apos;"),
            ("</title><script>", "&lt;/title&gt;&lt;script&gt;"),
            ("\0\u{1b}[31m\u{fffe}", "\\u{0}\\u{1b}[31m\\u{fffe}"),
            ("größe 東京", "größe 東京"),
        ];
        for (text, expected) in cases {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn lengths_are_short() {
        let cases = [(1.0, "1"), (1.26, "1.3"), (-0.04, "0"), (0.0, "0"), (12345.678, "12345.7")];
        for (length, expected) in cases {
            assert_eq!(Short(length).to_string(), expected);
        }
    }

    #[test]
    fn text_is_cut_by_its_width() {
        assert_eq!(fitted("checkout", 12.0, 500.0), "checkout");
        let cut = fitted("checkout-service", 12.0, 60.0);
        assert!(cut.starts_with("che") && cut.ends_with("ice") && text_width(&cut, 12.0) <= 60.0, "{cut}");
        assert_eq!(fitted(&"i".repeat(20_000), 12.0, 50.0).chars().filter(|c| *c == 'i').count(), 11);
    }

    #[test]
    fn steps_of_neff_end_where_the_legend_says() {
        let cases =
            [(1.0, "q0"), (1.2, "q1"), (2.0, "q1"), (2.1, "q2"), (5.0, "q3"), (8.0, "q4"), (8.1, "q5")];
        for (neff, class) in cases {
            assert_eq!(neff_class(neff), class, "{neff}");
        }
        assert_eq!(neff_class(f64::NAN), "q0");
    }

    #[test]
    fn every_rule_has_a_light_and_a_dark_colour() {
        let style = style(&[Rule(".x", "fill:$low;stroke:$q5", "opacity:.5")]);
        assert!(style.contains(".linchpin .x{fill:#9a7b12;stroke:#0c2c84;opacity:.5}"), "{style}");
        assert!(style.contains(".linchpin .x{fill:#d6b94a;stroke:#edf8b1}"), "{style}");
    }
}
