//! Names of parameters: which are known, which are refused, and which was meant.

use std::collections::BTreeSet;

use axum::extract::Query;
use axum::http::Uri;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::path::ParameterIn;

use crate::api::error::{ApiError, excerpt};

/// Announced, and refused until they work.
const NOT_OFFERED: [&str; 1] = ["version"];

/// The names that a struct documents.
pub(super) fn names<P: IntoParams>() -> Vec<String> {
    P::into_params(|| Some(ParameterIn::Query)).into_iter().map(|parameter| parameter.name).collect()
}

/// The query string as a struct of texts; call [`check_names`] first.
pub(super) fn read<P: DeserializeOwned>(uri: &Uri) -> Result<P, ApiError> {
    let Query(params) =
        Query::try_from_uri(uri).map_err(|problem| ApiError::invalid(excerpt(&problem.body_text())))?;
    Ok(params)
}

/// Refuses names that are not known, those that come twice, and escapes that stand for no text.
pub(super) fn check_names(uri: &Uri, known: &[String]) -> Result<(), ApiError> {
    check_escapes(uri)?;
    let given: Vec<(String, String)> = read(uri)?;
    let mut seen = BTreeSet::new();
    for (name, _) in &given {
        if !known.contains(name) {
            return Err(unknown(name, known));
        }
        if !seen.insert(name) {
            return Err(ApiError::invalid(format!("`{name}` is given twice: give it once")));
        }
    }
    Ok(())
}

/// What cannot be decoded would be replaced by a sign that nobody asked for.
fn check_escapes(uri: &Uri) -> Result<(), ApiError> {
    for pair in uri.query().unwrap_or_default().split('&') {
        let is_text = percent_decode_str(pair).decode_utf8().is_ok();
        let mut escapes = pair.split('%').skip(1);
        let is_escaped = escapes.all(|after| {
            after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        });
        if !(is_text && is_escaped) {
            let cure = "escape each byte of UTF-8 as % and two digits, and % itself as %25";
            return Err(ApiError::invalid(format!("`{}` is no escaped text: {cure}", excerpt(pair))));
        }
    }
    Ok(())
}

fn unknown(name: &str, known: &[String]) -> ApiError {
    let quoted: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let offered = format!("there are {}", quoted.join(", "));
    let nearest = known
        .iter()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .filter(|(similarity, _)| *similarity > 0.75);
    let name = excerpt(name);
    let (code, problem) = match NOT_OFFERED.contains(&name.as_str()) {
        true => ("parameter_not_offered", format!("`{name}` is not offered yet")),
        false => ("unknown_parameter", format!("`{name}` is no parameter")),
    };
    let cure = match nearest {
        Some((_, nearest)) => format!("did you mean `{nearest}`? {offered}"),
        None => offered,
    };
    ApiError::Parameter { code, message: format!("{problem}: {cure}") }
}
