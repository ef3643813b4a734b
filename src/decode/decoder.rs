//! One worker's decoder: a record in, spans and counts out.

use std::borrow::Cow;
use std::sync::Arc;

use super::detect::{Guess, guess};
use super::normalize::{Batch, Normalizer};
use super::otlp_json;
use super::otlp_proto;
use super::raw::RawLink;
use super::sampling::from_probability;
use super::tally::Tally;
use crate::config::{Config, DatabaseIdentity};
use crate::model::{Format, Sampling, SpanRecord, Symbols};
use crate::telemetry::{Reason, Telemetry};

/// What decoding needs of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodeSettings {
    /// Longest name in bytes.
    pub max_name_length: usize,
    /// Globs over `service/operation` of spans that are left out.
    pub ignore: Vec<String>,
    /// How spans that do not say were sampled.
    pub default_sampling: Sampling,
    /// What tells databases apart.
    pub database_identity: DatabaseIdentity,
    /// Attributes of a root that name its flow, first choice first.
    pub flow_attributes: Vec<String>,
}

impl DecodeSettings {
    /// From the sections `names`, `ignore`, `sampling`, `linking` and `flows`.
    pub fn from_config(config: &Config) -> DecodeSettings {
        DecodeSettings {
            max_name_length: config.names.max_length,
            ignore: config.ignore.operations.clone(),
            default_sampling: config
                .sampling
                .default_probability
                .and_then(from_probability)
                .unwrap_or(Sampling::UNKNOWN),
            database_identity: config.linking.database_identity,
            flow_attributes: config.flows.attributes.clone(),
        }
    }
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The format it was read as; `None` for an empty record and where none fits.
    pub format: Option<Format>,
    /// Spans in it, those included that were dropped for a reason; 0 for a rejected record.
    pub spans: u32,
    /// Why nothing of it was taken.
    pub rejected: Option<Rejected>,
    /// Spans that were dropped, by reason.
    pub dropped: [u32; Reason::ALL.len()],
}

/// Why nothing of a record was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// `Malformed` or `UnknownFormat`.
    pub reason: Reason,
    /// Byte position of the fault in the record.
    pub at: usize,
    /// What is wrong there.
    pub detail: Cow<'static, str>,
}

/// Turns records into spans. One for each worker thread: it owns its caches.
///
/// ```
/// use linchpin::{config::Config, decode::{DecodeSettings, Decoder}, model::Symbols, telemetry::Telemetry};
///
/// let settings = DecodeSettings::from_config(&Config::default());
/// let mut decoder = Decoder::new(Symbols::new(1000), Telemetry::new(), settings);
/// let record = br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},
///     "scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"GET /cart/7"}]}]}]}"#;
/// let mut spans = Vec::new();
/// let outcome = decoder.decode(record, None, &mut spans);
/// assert_eq!((outcome.spans, spans.len(), outcome.rejected), (1, 1, None));
/// ```
pub struct Decoder {
    normalizer: Normalizer,
    telemetry: Arc<Telemetry>,
    links: Vec<RawLink>,
}

impl Decoder {
    /// A decoder with empty caches.
    pub fn new(symbols: Arc<Symbols>, telemetry: Arc<Telemetry>, settings: DecodeSettings) -> Decoder {
        Decoder { normalizer: Normalizer::new(symbols, settings), telemetry, links: Vec::new() }
    }

    /// Appends the spans of one record to `out`; its format is detected where none is given.
    ///
    /// All or nothing: of a record with a fault nothing is kept and nothing but the fault is counted,
    /// wherever the fault lies, so the counts do not depend on the order of spans within a record.
    /// An empty record (a tombstone) has no spans and no fault.
    pub fn decode(&mut self, bytes: &[u8], format: Option<Format>, out: &mut Vec<SpanRecord>) -> Outcome {
        if bytes.is_empty() {
            return Outcome { format: None, spans: 0, rejected: None, dropped: Default::default() };
        }
        let format = match format.map_or_else(|| guess(bytes), Guess::Known) {
            Guess::Known(format) => format,
            other => {
                let detail = other.description().into();
                return self.reject(None, Rejected { reason: Reason::UnknownFormat, at: 0, detail });
            }
        };
        let kept = out.len();
        let mut batch = Batch { out, tally: Tally::default() };
        let result = match format {
            Format::OtlpProto => otlp_proto::decode(bytes, &mut self.normalizer, &mut self.links, &mut batch)
                .map_err(|fault| (fault.at, fault.detail.into())),
            Format::OtlpJson => otlp_json::decode(bytes, &mut self.normalizer, &mut self.links, &mut batch)
                .map_err(|fault| (fault.at, fault.detail.into())),
        };
        match result {
            Ok(()) => {
                batch.tally.add_to(&self.telemetry.counters);
                Outcome {
                    format: Some(format),
                    spans: batch.tally.spans,
                    rejected: None,
                    dropped: batch.tally.dropped,
                }
            }
            Err((at, detail)) => {
                batch.out.truncate(kept);
                self.reject(Some(format), Rejected { reason: Reason::Malformed, at, detail })
            }
        }
    }

    fn reject(&self, format: Option<Format>, rejected: Rejected) -> Outcome {
        self.telemetry.counters.drop(rejected.reason, 1);
        Outcome { format, spans: 0, rejected: Some(rejected), dropped: Default::default() }
    }
}
