//! Spans to traces: watermark, sessions by log time, shedding. A lane is a pure function of its log.
