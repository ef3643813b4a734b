//! HTTP: routes to answers. Reads snapshots, never writes.
