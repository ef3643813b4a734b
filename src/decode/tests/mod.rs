//! Tests of the whole way from bytes to spans.

mod differential;
mod oracle;
mod records;
