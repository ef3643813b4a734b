//! Answers that a client may already have: a strong `ETag` over the body, and 304 where it matches.

use std::hash::BuildHasher;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use foldhash::quality::FixedState;

use crate::model::UnixNanos;
use crate::query::TimeRange;

/// Fixed, so that two instances give one answer the same tag.
const SEED: u64 = 0x6c69_6e63_6870_696e;

/// Whether a client may keep an answer without asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// It may have changed: ask with its tag.
    AskAgain,
    /// It is that of sealed minutes. They can be rolled up, so a day is long enough.
    ForADay,
}

impl Keep {
    /// An answer as of an instant does not change, unless it is of all that is kept.
    pub(super) fn of(as_of: Option<UnixNanos>, range: TimeRange) -> Keep {
        if as_of.is_some() && range != TimeRange::All { Keep::ForADay } else { Keep::AskAgain }
    }
}

/// A body with its tag, or 304 without it.
pub(super) fn answer(request: &HeaderMap, keep: Keep, content_type: &'static str, body: String) -> Response {
    let tag = etag(&body);
    let mut response = if is_known(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], body).into_response()
    };
    let headers = response.headers_mut();
    let control = match keep {
        Keep::AskAgain => "no-cache",
        Keep::ForADay => "max-age=86400, immutable",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// Length and hash: a collision within one length is as likely as 1 in 2^64.
fn etag(body: &str) -> String {
    format!("\"{:x}-{:016x}\"", body.len(), FixedState::with_seed(SEED).hash_one(body))
}

/// Compares weakly, as RFC 9110 (13.1.2) asks: a proxy that compressed the body marks our tag as weak.
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_the_client_names_saves_the_body() {
        let tag = etag("body");
        let cases = [
            (tag.clone(), StatusCode::NOT_MODIFIED),
            (format!("W/{tag}"), StatusCode::NOT_MODIFIED),
            (format!("\"other\", {tag}"), StatusCode::NOT_MODIFIED),
            ("*".to_owned(), StatusCode::NOT_MODIFIED),
            (etag("bodz"), StatusCode::OK),
            ("\"\"".to_owned(), StatusCode::OK),
        ];
        for (known, status) in cases {
            let mut request = HeaderMap::new();
            request.insert(header::IF_NONE_MATCH, HeaderValue::from_str(&known).unwrap());
            let response = answer(&request, Keep::AskAgain, "text/plain", "body".into());
            assert_eq!(response.status(), status, "{known}");
            assert_eq!(response.headers()[header::ETAG], tag.as_str());
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
        }
    }
}
