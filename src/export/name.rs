//! Names as people see them: any text in, one line without traps out.
//!
//! Names come from spans, so they can hold anything: line breaks, terminal sequences, marks that turn the
//! direction of writing.
//! Such characters are shown as escapes; ids keep them exactly.

use std::borrow::Cow;
use std::fmt::Write as _;

/// True for characters that draw nothing or change what is around them: controls, line and paragraph breaks,
/// direction marks, invisible spaces, noncharacters.
/// Joiners are kept: some scripts and emoji need them.
pub(super) fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
        || (c as u32) & 0xfffe == 0xfffe
        || matches!(c, '\u{fdd0}'..='\u{fdef}')
}

/// The name with hidden characters as `\n`, `\t` or `\u{1b}`.
pub fn visible(name: &str) -> Cow<'_, str> {
    if !name.chars().any(is_hidden) {
        return Cow::Borrowed(name);
    }
    let mut shown = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if is_hidden(c) {
            write!(shown, "{}", c.escape_default()).expect("a String takes every write");
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Columns that the text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The text, cut to `limit` columns with `…` where it is longer.
pub fn clip(text: &str, limit: usize) -> Cow<'_, str> {
    // Bytes are never fewer than columns.
    if text.len() <= limit || width(text) <= limit {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let mut end = 0;
    for (at, c) in text.char_indices() {
        used += columns(c);
        // One column is for the ellipsis.
        if used >= limit {
            break;
        }
        end = at + c.len_utf8();
    }
    Cow::Owned(if limit == 0 { String::new() } else { format!("{}…", &text[..end]) })
}

/// The text, cut to `limit` columns with `…` in its middle where it is longer: of chains of names both ends tell.
pub(super) fn clip_middle(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit || width(text) <= limit {
        return Cow::Borrowed(text);
    }
    // One column is for the ellipsis.
    let room = limit.saturating_sub(1);
    let (mut used, mut start) = (0, text.len());
    for (at, c) in text.char_indices().rev() {
        used += columns(c);
        if used > room / 2 {
            break;
        }
        start = at;
    }
    Cow::Owned(format!("{}{}", clip(text, limit - width(&text[start..])), &text[start..]))
}

/// What stands between the links of a chain of names.
const THENS: [&str; 2] = [" > ", " › "];
/// Columns of a link below which it says nothing; the chain is cut as a whole then.
const SHORTEST_LINK: usize = 9;

/// The text, cut to `limit` columns where it is longer. Its indent stays; of a chain (`a > b`) each link gives way by
/// itself, the longest first, in its middle: services begin, and operations end, with what tells them apart.
pub fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit || width(text) <= limit {
        return Cow::Borrowed(text);
    }
    let name = text.trim_start_matches(' ');
    let indent = text.len() - name.len();
    if indent >= limit {
        return clip(text, limit);
    }
    let then = THENS.into_iter().find(|then| name.contains(then)).unwrap_or(THENS[0]);
    let links: Vec<&str> = name.split(then).collect();
    let widths: Vec<usize> = links.iter().map(|link| width(link)).collect();
    let room = limit.saturating_sub(indent + width(then) * (links.len() - 1));
    let cap = even(&widths, room);
    if links.len() > 1 && cap < SHORTEST_LINK {
        return clip_middle(text, limit);
    }
    // What is left after equal parts goes to the first of those that are cut.
    let mut spare = room - widths.iter().map(|width| cap.min(*width)).sum::<usize>();
    let mut shortened = text[..indent].to_owned();
    for (place, (link, width)) in links.iter().zip(widths).enumerate() {
        let more = usize::from(width > cap && spare > 0);
        spare -= more;
        shortened.push_str(if place > 0 { then } else { "" });
        shortened.push_str(&clip_middle(link, cap + more));
    }
    Cow::Owned(shortened)
}

/// The most columns that each of several texts may take so that all have room together; the short ones leave theirs.
pub(super) fn even(widths: &[usize], room: usize) -> usize {
    let takes = |cap: usize| widths.iter().map(|width| cap.min(*width)).sum::<usize>();
    let widest = widths.iter().copied().max().unwrap_or(0);
    (0..=room.min(widest)).rev().find(|cap| takes(*cap) <= room).unwrap_or(0)
}

/// A rule of thumb instead of Unicode's tables: accents and joiners take nothing, East Asian scripts and emoji two.
fn columns(c: char) -> usize {
    match c {
        '\u{20}'..='\u{2ff}' => 1,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' => 0,
        '\u{200c}'
        | '\u{200d}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => 0,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' => 2,
        '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' => 2,
        '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' => 2,
        '\u{1f300}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6ff}' | '\u{1f900}'..='\u{1faff}' => 2,
        '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_what_is_too_long_goes() {
        for (text, limit, expected) in [
            ("gateway > cart", 14, "gateway > cart"),
            ("gateway > cart", 13, "gatewa…> cart"),
            ("gateway > cart", 4, "ga…t"),
            ("gateway > cart", 1, "…"),
            ("gateway > cart", 0, ""),
            ("漢字漢字漢字", 7, "漢字…字"),
        ] {
            let cut = clip_middle(text, limit);
            assert_eq!(cut, expected, "{text} {limit}");
            assert!(width(&cut) <= limit);
        }
    }

    #[test]
    fn of_a_chain_each_link_keeps_both_its_ends() {
        let chain = "gateway > order-service GET /api/v1/order/{orderId} > mysql/ts";
        for (text, limit, expected) in [
            (chain, 62, chain),
            (chain, 61, "gateway > order-service GET /a…/v1/order/{orderId} > mysql/ts"),
            (chain, 45, "gateway > order-servic…r/{orderId} > mysql/ts"),
            (chain, 28, "gateway > orde…d} > mysql/ts"),
            ("    order-service /order/{orderId}", 24, "    order-serv…{orderId}"),
            ("a › payment-service /charge", 20, "a › payment-…/charge"),
            ("       x", 3, "  …"),
            ("cart", 0, ""),
        ] {
            let cut = shorten(text, limit);
            assert_eq!(cut, expected, "{text} {limit}");
            assert!(width(&cut) <= limit);
        }
    }

    #[test]
    fn hidden_characters_become_escapes() {
        let cases = [
            ("cart", "cart"),
            ("größe 東京 👩‍💻", "größe 東京 👩‍💻"),
            ("a\nb\tc", "a\\nb\\tc"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\0b", "a\\u{0}b"),
            ("evil\u{202e}txt", "evil\\u{202e}txt"),
            ("a\u{85}b\u{2028}c", "a\\u{85}b\\u{2028}c"),
            ("\u{1fffe}", "\\u{1fffe}"),
        ];
        for (name, expected) in cases {
            assert_eq!(visible(name), expected);
        }
    }

    #[test]
    fn text_is_cut_by_columns() {
        let cases = [
            ("cart", 4, "cart"),
            ("carts", 4, "car…"),
            ("東京都", 6, "東京都"),
            ("東京都", 5, "東京…"),
            ("東京都", 4, "東…"),
            ("e\u{301}te\u{301}", 3, "e\u{301}te\u{301}"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
        ];
        for (text, limit, expected) in cases {
            assert_eq!(clip(text, limit), expected, "{text} to {limit}");
            assert!(width(&clip(text, limit)) <= limit);
        }
    }
}
