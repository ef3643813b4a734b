//! Bytes to compact spans, a file per wire format. Bad bytes are a counted value, never an error.
