//! Tests of the whole way from bytes to spans.
