//! `/`: one page without anything from elsewhere.
//!
//! Names in the graph come from whoever writes spans, so the page sets text only, and the policy allows
//! just the script and the style that carry this answer's nonce.

use std::hash::{BuildHasher, RandomState};

use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse};

const PAGE: &str = include_str!("page/index.html");

/// The page: what this is, live counts, the busiest and the worst edges, links to every endpoint.
#[utoipa::path(
    get, path = "/", tag = "operation",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub(super) async fn page() -> impl IntoResponse {
    let nonce = nonce();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data: blob:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers: [(HeaderName, String); 2] =
        [(header::CONTENT_SECURITY_POLICY, policy), (header::REFERRER_POLICY, "no-referrer".into())];
    (headers, Html(PAGE.replace("{nonce}", &nonce)))
}

/// 128 bits that nobody can guess: SipHash under two keys which std draws from the operating system.
fn nonce() -> String {
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}
