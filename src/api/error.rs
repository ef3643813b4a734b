//! Errors as answers: `{"error":{"code","message"}}`; 4xx explain, 5xx hide and are logged here, once.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::query::QueryError;

/// The body of every answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct ErrorDocument {
    /// What went wrong.
    pub error: ErrorBody,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct ErrorBody {
    /// Stable word for programs.
    pub code: String,
    /// The value and the cure, for people.
    pub message: String,
}

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// A parameter that is unknown, repeated or has a bad value.
    #[error("{message}")]
    Parameter { code: &'static str, message: String },
    /// A question without an answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A path that is no endpoint.
    #[error("no endpoint is called `{path}`: there are {endpoints}")]
    UnknownEndpoint { path: String, endpoints: String },
    /// A method other than GET and HEAD.
    #[error("`{method}` is not possible here: linchpin only reads, use GET")]
    Method { method: String },
    /// `Accept` excludes all that is offered.
    #[error("`accept: {accept}` excludes what is offered: ask for {offered}")]
    NotAcceptable { accept: String, offered: String },
    /// As many answers as allowed are being computed.
    #[error("too many answers are being computed: try again in a second")]
    Busy,
    /// An answer took too long.
    #[error("the answer took longer than {seconds} s: ask for a shorter range or a narrower filter")]
    TimedOut { seconds: u64 },
    /// A fault of ours; its text goes to the log only.
    #[error("{0}")]
    Internal(String),
}

impl ApiError {
    /// A parameter with a bad value.
    pub(super) fn invalid(message: String) -> ApiError {
        ApiError::Parameter { code: "invalid_parameter", message }
    }

    fn status(&self) -> StatusCode {
        match self {
            ApiError::Parameter { .. }
            | ApiError::Query(QueryError::EmptyRange { .. } | QueryError::BeyondAsOf { .. }) => {
                StatusCode::BAD_REQUEST
            }
            ApiError::Query(QueryError::NotSealed { .. }) => StatusCode::CONFLICT,
            ApiError::Query(
                QueryError::RolledUp { .. } | QueryError::NotKept { .. } | QueryError::Damaged { .. },
            ) => StatusCode::GONE,
            ApiError::Query(
                QueryError::UnknownFocus { .. }
                | QueryError::UnknownFlow { .. }
                | QueryError::UnknownTrace { .. },
            )
            | ApiError::UnknownEndpoint { .. } => StatusCode::NOT_FOUND,
            ApiError::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            ApiError::NotAcceptable { .. } => StatusCode::NOT_ACCEPTABLE,
            ApiError::Busy | ApiError::TimedOut { .. } => StatusCode::SERVICE_UNAVAILABLE,
            ApiError::Query(QueryError::Store(_)) | ApiError::Internal(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn code(&self) -> &'static str {
        match self {
            ApiError::Parameter { code, .. } => code,
            ApiError::Query(QueryError::EmptyRange { .. }) => "empty_range",
            ApiError::Query(QueryError::UnknownFocus { .. }) => "unknown_focus",
            ApiError::Query(QueryError::UnknownFlow { .. }) => "unknown_flow",
            ApiError::Query(QueryError::UnknownTrace { .. }) => "unknown_trace",
            ApiError::Query(QueryError::BeyondAsOf { .. }) => "beyond_as_of",
            ApiError::Query(QueryError::NotSealed { .. }) => "not_sealed",
            ApiError::Query(QueryError::RolledUp { .. }) => "rolled_up",
            ApiError::Query(QueryError::NotKept { .. }) => "not_kept",
            ApiError::Query(QueryError::Damaged { .. }) => "damaged",
            ApiError::UnknownEndpoint { .. } => "unknown_endpoint",
            ApiError::Method { .. } => "method_not_allowed",
            ApiError::NotAcceptable { .. } => "not_acceptable",
            ApiError::Busy => "busy",
            ApiError::TimedOut { .. } => "timed_out",
            ApiError::Query(QueryError::Store(_)) | ApiError::Internal(_) => "internal",
        }
    }

    fn message(&self) -> String {
        match self {
            ApiError::Query(QueryError::Store(_)) | ApiError::Internal(_) => {
                "the answer failed, and the log says why: if it happens again, report it with that line"
                    .into()
            }
            told => told.to_string(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::warn!(code = self.code(), error = %self, "a request was not answered");
        }
        let error = ErrorBody { code: self.code().into(), message: self.message() };
        let mut response = (status, Json(ErrorDocument { error })).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// At most 200 characters of what a client sent, so that an answer does not grow with the request.
pub(super) fn excerpt(text: &str) -> String {
    const LIMIT: usize = 200;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
