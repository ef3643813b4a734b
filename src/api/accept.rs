//! Which of the offered media types a client wants (RFC 9110, 12.5.1).

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::error::{ApiError, excerpt};

/// The index of the offered type that `Accept` prefers; the first one where it does not care. What is offered may have
/// parameters (`; charset=utf-8`), which are not compared.
pub(super) fn choose(headers: &HeaderMap, offered: &[&str]) -> Result<usize, ApiError> {
    let offered: Vec<&str> =
        offered.iter().map(|offered| offered.split(';').next().unwrap_or(offered)).collect();
    let values: Vec<&str> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let accept = values.join(",");
    if accept.trim().is_empty() {
        return Ok(0);
    }
    let mut best = None;
    for (index, media_type) in offered.iter().enumerate() {
        let quality = quality_of(media_type, &accept);
        if quality > 0.0 && best.is_none_or(|(_, other)| quality > other) {
            best = Some((index, quality));
        }
    }
    match best {
        Some((index, _)) => Ok(index),
        None => Err(ApiError::NotAcceptable { accept: excerpt(&accept), offered: offered.join(" or ") }),
    }
}

/// The same answer, which another `Accept` would have made another one.
pub(super) fn varied(mut response: Response) -> Response {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// The quality of the most specific range that covers the type; 0 where none does.
fn quality_of(media_type: &str, accept: &str) -> f32 {
    let mut best = (0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let specificity = specificity(parts.next().unwrap_or_default(), media_type);
        if specificity > best.0 {
            let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            best = (specificity, quality.map_or(1.0, |text| text.parse().unwrap_or(0.0)));
        }
    }
    best.1
}

fn specificity(range: &str, media_type: &str) -> u8 {
    let kind = media_type.split('/').next().unwrap_or_default();
    match range.split_once('/') {
        Some(_) if range.eq_ignore_ascii_case(media_type) => 3,
        Some((range_kind, "*")) if range_kind.eq_ignore_ascii_case(kind) => 2,
        Some(("*", "*")) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accept: &str) -> Option<usize> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        choose(&headers, &["application/json", "text/vnd.graphviz"]).ok()
    }

    #[test]
    fn the_best_quality_wins_and_the_first_offer_breaks_ties() {
        let cases = [
            ("", Some(0)),
            ("*/*", Some(0)),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Some(0)),
            ("text/vnd.graphviz", Some(1)),
            ("TEXT/VND.GRAPHVIZ; q=0.5, application/json;q=0.4", Some(1)),
            ("text/*", Some(1)),
            ("application/json;q=0, */*", Some(1)),
            ("application/json;q=0.2, text/*;q=0.9", Some(1)),
            ("image/png", None),
            ("application/json;q=0", None),
            ("application/json;q=nonsense", None),
            ("json", None),
        ];
        for (accept, index) in cases {
            assert_eq!(chosen(accept), index, "{accept}");
        }
    }

    #[test]
    fn what_is_offered_may_say_its_charset() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/plain"));
        assert_eq!(choose(&headers, &["application/json", "text/plain; charset=utf-8"]).unwrap(), 1);
    }

    #[test]
    fn without_the_header_the_first_offer_is_taken() {
        assert_eq!(choose(&HeaderMap::new(), &["a/b", "c/d"]).unwrap(), 0);
    }
}
