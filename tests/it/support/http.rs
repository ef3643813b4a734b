//! HTTP GET against a server of the tests; every status is an answer, none an error.

use std::time::Duration;

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Tag of the body.
    pub etag: Option<String>,
    /// Body as text.
    pub body: String,
}

/// Gets `url`; the error says why there is no answer at all.
pub fn get(url: &str) -> Result<Answer, String> {
    // No proxy of the environment may stand between a test and its own machine.
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let mut response = agent.get(url).call().map_err(|error| format!("GET {url}: {error}"))?;
    let status = response.status().as_u16();
    let etag = response.headers().get("etag").and_then(|tag| Some(tag.to_str().ok()?.to_string()));
    let body = response
        .body_mut()
        .with_config()
        .limit(256 << 20)
        .read_to_string()
        .map_err(|error| format!("GET {url}: {error}"))?;
    Ok(Answer { status, etag, body })
}
