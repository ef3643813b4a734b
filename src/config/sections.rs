//! One section per stage; a stage gets its own section only.

use std::collections::BTreeMap;
use std::time::Duration;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `[kafka]`
    pub kafka: KafkaConfig,
    /// `[lanes]`
    pub lanes: LanesConfig,
    /// `[sessions]`
    pub sessions: SessionsConfig,
    /// `[linking]`
    pub linking: LinkingConfig,
    /// `[names]`
    pub names: NamesConfig,
    /// `[ignore]`
    pub ignore: IgnoreConfig,
    /// `[flows]`
    pub flows: FlowsConfig,
    /// `[sampling]`
    pub sampling: SamplingConfig,
    /// `[graph]`
    pub graph: GraphConfig,
    /// `[http]`
    pub http: HttpConfig,
    /// `[log]`
    pub log: LogConfig,
}

/// Where to start reading a topic without stored positions.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// At the first record that is still there.
    Earliest,
    /// At the end.
    Latest,
    /// At the first record of this time ago.
    Ago(Duration),
    /// At the first record of this time (RFC 3339), Unix milliseconds.
    At(i64),
}

/// Format of a topic's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Detect it, record by record.
    Auto,
    /// `otlp_proto`
    OtlpProto,
    /// `otlp_json`
    OtlpJson,
}

/// `[kafka]`
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaConfig {
    /// Bootstrap brokers, `host:port`, comma separated.
    pub brokers: String,
    /// Topic names, or `^regex`.
    pub topics: Vec<String>,
    /// Consumer group.
    pub group: String,
    /// Where to start.
    pub start: Start,
    /// Format of records that no header names.
    pub encoding: Encoding,
    /// Format by topic name, before `encoding`.
    pub topic_encodings: BTreeMap<String, Encoding>,
    /// Any librdkafka property; ours are set first.
    pub properties: BTreeMap<String, String>,
    /// A partition at its end stands at the local clock less this.
    pub standing_margin: Duration,
    /// No partition is read further ahead of the slowest than this, in log time.
    pub max_ahead: Duration,
    /// A partition without leader is left behind after this.
    pub leaderless_after: Duration,
    /// Larger records are counted and left out, bytes.
    pub max_record_size: u64,
    /// Bytes fetched ahead, over all partitions.
    pub queue_size: u64,
}

/// Which records make one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneMode {
    /// Virtual lanes by hash of the trace id, over all partitions.
    Merged,
    /// A lane per partition.
    Partition,
}

/// `[lanes]`
#[derive(Clone, Debug, PartialEq)]
pub struct LanesConfig {
    /// Merged or by partition.
    pub mode: LaneMode,
    /// Number of virtual lanes.
    pub count: usize,
}

/// `[sessions]` (ALGORITHMS 7)
#[derive(Clone, Debug, PartialEq)]
pub struct SessionsConfig {
    /// G: silence in log time that ends a session.
    pub gap: Duration,
    /// M: longest session in log time; later spans become tail fragments.
    pub max_life: Duration,
    /// L: event times count at most this far before their log time.
    pub event_clamp: Duration,
    /// Wall-clock silence after which a trace is shown.
    pub quiet: Duration,
    /// Spans of one session.
    pub max_spans: usize,
    /// Spans per partition and log second; above it whole traces are shed.
    pub budget: u64,
}

/// What tells databases apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseIdentity {
    /// `system/namespace`.
    Namespace,
    /// `system/namespace@address`.
    NamespaceAndAddress,
}

/// `[linking]`
#[derive(Clone, Debug, PartialEq)]
pub struct LinkingConfig {
    /// Show calls of a service to itself.
    pub self_calls: bool,
    /// What tells databases apart.
    pub database_identity: DatabaseIdentity,
}

/// `[names]`
#[derive(Clone, Debug, PartialEq)]
pub struct NamesConfig {
    /// Operations kept per service and minute; the rest is `other`.
    pub max_operations_per_service: usize,
    /// Longest name in bytes; longer ones are cut.
    pub max_length: usize,
    /// Distinct names of the process.
    pub max_symbols: usize,
}

/// `[ignore]`
#[derive(Clone, Debug, PartialEq)]
pub struct IgnoreConfig {
    /// Globs over `service/operation`; `*` matches any run of characters.
    pub operations: Vec<String>,
}

/// When a flow's name is refined by what it calls (ALGORITHMS 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refine {
    /// Where the name is generic.
    Auto,
    /// Never.
    Never,
    /// Always.
    Always,
}

/// `[flows]`
#[derive(Clone, Debug, PartialEq)]
pub struct FlowsConfig {
    /// When to refine.
    pub refine: Refine,
    /// Further globs of generic names.
    pub generic: Vec<String>,
    /// Refined names per root operation; the rest is `other`.
    pub max_refined: usize,
    /// Flows kept per minute; the rest is `other`.
    pub max_flows: usize,
}

/// `[sampling]`
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingConfig {
    /// Probability with which spans that do not say were kept, over 0 up to 1.
    pub default_probability: Option<f64>,
}

/// `[graph]`
#[derive(Clone, Debug, PartialEq)]
pub struct GraphConfig {
    /// How long minutes are kept.
    pub retention: Duration,
    /// Memory for minutes, bytes.
    pub memory: u64,
    /// Operation-level nodes per minute; the rest is `other`.
    pub max_nodes: usize,
    /// Operation-level edges per minute; the rest is `other`.
    pub max_edges: usize,
}

/// `[http]`
#[derive(Clone, Debug, PartialEq)]
pub struct HttpConfig {
    /// Address and port.
    pub listen: String,
}

/// Shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    /// Human.
    Text,
    /// JSON, a line an event.
    Json,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// Level or filter, as `info` or `linchpin=debug`.
    pub level: String,
    /// Shape.
    pub format: LogFormat,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        KafkaConfig {
            brokers: "localhost:9092".into(),
            topics: vec!["otlp_spans".into()],
            group: "linchpin".into(),
            start: Start::Ago(Duration::from_secs(30 * 60)),
            encoding: Encoding::Auto,
            topic_encodings: BTreeMap::new(),
            properties: BTreeMap::new(),
            standing_margin: Duration::from_secs(1),
            max_ahead: Duration::from_secs(10),
            leaderless_after: Duration::from_secs(60),
            max_record_size: 16 << 20,
            queue_size: 64 << 20,
        }
    }
}

impl Default for LanesConfig {
    fn default() -> Self {
        LanesConfig { mode: LaneMode::Merged, count: 4 }
    }
}

impl Default for SessionsConfig {
    fn default() -> Self {
        SessionsConfig {
            gap: Duration::from_secs(30),
            max_life: Duration::from_secs(120),
            event_clamp: Duration::from_secs(60),
            quiet: Duration::from_secs(1),
            max_spans: 20_000,
            budget: 100_000,
        }
    }
}

impl Default for LinkingConfig {
    fn default() -> Self {
        LinkingConfig { self_calls: false, database_identity: DatabaseIdentity::Namespace }
    }
}

impl Default for NamesConfig {
    fn default() -> Self {
        NamesConfig { max_operations_per_service: 200, max_length: 256, max_symbols: 1_000_000 }
    }
}

impl Default for IgnoreConfig {
    fn default() -> Self {
        let operations =
            ["*/*/healthz", "*/*/livez", "*/*/readyz", "*/*/health", "*/grpc.health.v1.Health/*"];
        IgnoreConfig { operations: operations.map(String::from).to_vec() }
    }
}

impl Default for FlowsConfig {
    fn default() -> Self {
        FlowsConfig { refine: Refine::Auto, generic: Vec::new(), max_refined: 64, max_flows: 2_000 }
    }
}

impl Default for SamplingConfig {
    fn default() -> Self {
        SamplingConfig { default_probability: None }
    }
}

impl Default for GraphConfig {
    fn default() -> Self {
        GraphConfig {
            retention: Duration::from_secs(24 * 3600),
            memory: 2 << 30,
            max_nodes: 100_000,
            max_edges: 400_000,
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig { listen: "127.0.0.1:7171".into() }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig { level: "info".into(), format: LogFormat::Auto }
    }
}
