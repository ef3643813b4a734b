//! Any bytes into the decoder: no panic, all or nothing, and prost accepts nothing that we reject.
//!
//! `cargo +nightly fuzz run decode`

#![no_main]

use libfuzzer_sys::fuzz_target;
use linchpin::config::Config;
use linchpin::decode::{DecodeSettings, Decoder};
use linchpin::model::{Format, Symbols};
use linchpin::telemetry::Telemetry;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    let settings = DecodeSettings::from_config(&Config::default());
    let mut decoder = Decoder::new(Symbols::new(10_000), Telemetry::new(), settings);
    for format in [None, Some(Format::OtlpJson), Some(Format::OtlpProto)] {
        let mut spans = Vec::new();
        let outcome = decoder.decode(bytes, format, &mut spans);
        match outcome.rejected {
            Some(rejected) => assert!(spans.is_empty() && rejected.at <= bytes.len()),
            None => assert!(spans.len() <= outcome.spans as usize),
        }
        if format == Some(Format::OtlpProto)
            && let Ok(request) = ExportTraceServiceRequest::decode(bytes)
        {
            let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            assert_eq!(outcome.spans as usize, scopes.map(|scope| scope.spans.len()).sum::<usize>());
        }
    }
});
