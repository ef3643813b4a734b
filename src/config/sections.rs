//! The declarations of all knobs; one section per stage, and a stage gets its own section only.
//!
//! `declare.rs` says how a declaration reads. Names and values are what people write into `linchpin.toml`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::check::*;
use super::declare::{choice, sections};
use super::notation::{Bytes, Notation};
use super::properties::Properties;

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

choice! {
    /// Format of a topic's records.
    Encoding {
        /// Detect it, record by record.
        Auto = "auto",
        /// OTLP as protobuf.
        OtlpProto = "otlp_proto",
        /// OTLP as JSON.
        OtlpJson = "otlp_json",
    }
}

choice! {
    /// Which records make one lane.
    LaneMode {
        /// Virtual lanes by hash of the trace id, over all partitions.
        Merged = "merged",
        /// A lane per partition.
        Partition = "partition",
    }
}

choice! {
    /// What tells databases apart.
    DatabaseIdentity {
        /// `system/namespace`.
        Namespace = "namespace",
        /// `system/namespace@address`.
        NamespaceAndAddress = "namespace_and_address",
    }
}

choice! {
    /// When a flow's name is refined by what it calls (ALGORITHMS 0).
    Refine {
        /// Where the name is generic.
        Auto = "auto",
        /// Never.
        Never = "never",
        /// Always.
        Always = "always",
    }
}

choice! {
    /// Shape of log lines.
    LogFormat {
        /// Human on a terminal, JSON elsewhere.
        Auto = "auto",
        /// Human.
        Text = "text",
        /// JSON, a line an event.
        Json = "json",
    }
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const HOUR: Duration = secs(3_600);
const DAY: Duration = secs(24 * 3_600);

/// `n` times a length of time, in constants.
const fn times(length: Duration, n: u64) -> Duration {
    secs(length.as_secs() * n)
}

sections! {
    /// Where spans come from.
    kafka: KafkaConfig {
        /// Bootstrap brokers.
        /// The default is a broker on this machine, so that a first try needs no configuration.
        process brokers: String = "localhost:9092".into(), broker_list();
        /// Topics to read, by name or `^regex`.
        /// The default is what the OpenTelemetry collector's Kafka exporter writes to by itself.
        process topics: Vec<String> = vec!["otlp_spans".into()], not_empty(), topic_names();
        /// Consumer group.
        /// Instances of one group share the partitions (`lanes.mode`); another name reads everything on its own.
        process group: String = "linchpin".into(), not_blank();
        /// Where to start reading a partition that no sealed minute tells a position for.
        /// Half an hour fills the page at once without reading days of log first.
        process start: Start = Start::Ago(secs(30 * 60));
        /// Format of records that no header names.
        /// Detection looks at a record's first bytes and costs next to nothing; name the format where it errs.
        facts encoding: Encoding = Encoding::Auto;
        /// Format by topic name, before `kafka.encoding`.
        /// Empty, as topics rarely differ.
        facts topic_encodings: BTreeMap<String, Encoding> = BTreeMap::new();
        /// Any librdkafka property: SASL, SSL, OAUTHBEARER and the rest; they override what Linchpin sets
        /// itself, but for the few that its reading depends on.
        /// Secrets are shown as `***` everywhere; `{ file = "PATH" }` reads a value from a file.
        process properties: Properties = Properties::default();
        /// A partition that is read to its end stands at the local clock less this.
        /// A second covers the usual difference between the brokers' clocks and ours; a larger one delays every edge.
        process standing_margin: Duration = secs(1), lasting(Duration::ZERO, secs(300));
        /// No partition is read further ahead of the slowest than this, in log time.
        /// It bounds the memory of spans that wait for the slowest; ten seconds ride out its hiccups.
        process max_ahead: Duration = secs(10), lasting(secs(1), HOUR);
        /// A partition without leader is left behind after this, so that the others go on.
        /// A minute is longer than an election takes, and short enough not to stop the graph for an outage.
        process leaderless_after: Duration = secs(60), lasting(secs(1), DAY);
        /// Larger records are counted and left out.
        /// 16 MiB is far above Kafka's own default of 1 MB, and keeps a broken producer from filling the memory.
        facts max_record_size: u64 as Bytes = 16 << 20, sized(1 << 10);
        /// Bytes fetched ahead of decoding, over all partitions.
        /// 32 MiB keep decoding busy over the network's pauses; more only costs memory.
        process queue_size: u64 as Bytes = 32 << 20, sized(1 << 10);
    }

    /// Threads of the pipeline.
    threads: ThreadsConfig {
        /// Threads that decode; 0: half as many as there are cores.
        /// Decoding and building sessions cost about the same, so each gets half of the machine.
        process decode: usize = 0, between(0, 256);
        /// Threads that build sessions and analyse traces; 0: half as many as there are cores.
        /// While merged no more than `lanes.count`, as a lane is one thread's.
        process lanes: usize = 0, between(0, 256);
    }

    /// How the log is cut into independent machines.
    lanes: LanesConfig {
        /// `merged` is right for every topic, on one instance; `partition` shares the work between instances and
        /// needs a topic that is keyed by trace id. The collector's default is an unkeyed topic, so `merged`.
        facts mode: LaneMode = LaneMode::Merged;
        /// Number of virtual lanes while merged.
        /// Four keep as many cores busy; it stays fixed from then on, as sealed minutes belong to a lane.
        facts count: usize = 4, between(1, 256);
    }

    /// How spans become traces. Times are log time (Kafka's record time) unless said otherwise.
    sessions: SessionsConfig {
        /// Silence that ends a trace's session.
        /// Spans that are up to half a minute late (retries, slow exporters) still find their trace.
        facts gap: Duration = secs(30), lasting(secs(1), HOUR), whole_seconds();
        /// Longest session; later spans of the trace count as edges only.
        /// Two minutes hold nearly every request; minutes are final, and memory is free, only after it.
        facts max_life: Duration = secs(120), lasting(secs(1), HOUR), whole_seconds();
        /// How far before its log time a span's own time is believed.
        /// A minute covers the usual delay of exporters; clocks that are further off cannot reopen old minutes.
        facts event_clamp: Duration = secs(60), lasting(secs(1), HOUR), whole_seconds();
        /// Silence on the wall clock after which a trace is shown, while its session stays open.
        /// A second is the shortest that shows most traces once; it decides nothing that is sealed.
        process quiet: Duration = secs(1), lasting(Duration::from_millis(100), secs(60));
        /// Spans of one session; further ones are counted and left out.
        /// 20,000 is far above usual traces, and bounds what one endless loop can cost.
        facts max_spans: usize = 20_000, between(1, 10_000_000);
        /// Spans per partition and second of log; above it whole traces are shed and the others weigh more.
        /// At most budget × (gap + max_life) spans wait; 100,000 is above what one partition usually carries.
        facts budget: u64 = 100_000, between(1, 1_000_000_000);
    }

    /// How spans become calls.
    linking: LinkingConfig {
        /// Shows calls of a service to itself.
        /// Off, as they say little about dependencies and often are only a proxy or a thread.
        facts self_calls: bool = false;
        /// What tells databases apart.
        /// Addresses of replicas and pods change by the day, so a database is its system and namespace.
        facts database_identity: DatabaseIdentity = DatabaseIdentity::Namespace;
    }

    /// Limits on names: a name with an id in it must not fill the memory.
    names: NamesConfig {
        /// Operations kept per service and minute; the rest is `other`.
        /// 200 hold the routes of a large service; more are mostly names with ids in them.
        facts max_operations_per_service: usize = 200, between(1, 1_000_000);
        /// Longest name in bytes; longer ones are cut.
        /// 256 bytes hold any name that a person reads.
        facts max_length: usize = 256, between(16, 65_536);
        /// Distinct names of the process; further ones are `other`.
        /// A million is more than twice the operation edges of a system of 20,000 services, and bounds the memory.
        facts max_symbols: usize = 1_000_000, between(1_000, 100_000_000);
    }

    /// What does not belong into the graph.
    ignore: IgnoreConfig {
        /// Globs over `service/operation`; `*` matches any run of characters. Such spans are counted and left out.
        /// Health checks say nothing about dependencies, and would be most of the calls of a quiet service.
        facts operations: Vec<String> =
            ["*/*/healthz", "*/*/livez", "*/*/readyz", "*/*/health", "*/grpc.health.v1.Health/*"]
                .map(String::from).to_vec(),
            operation_globs();
    }

    /// What users ask for, by the root of a trace.
    flows: FlowsConfig {
        /// When a flow's name is refined by what it calls.
        /// `auto` does so where the name is generic, as `GET` or `/*`, and would mix unrelated requests.
        facts refine: Refine = Refine::Auto;
        /// Further globs of generic names.
        /// Empty, as bare methods, wildcards and framework words are known already.
        facts generic: Vec<String> = Vec::new(), globs();
        /// Attributes of the root that name the flow; the first that a root has counts, before its route or path.
        /// Empty, as nothing is agreed for this; give what your services set, as `app.feature`, and nothing is guessed.
        facts attributes: Vec<String> = Vec::new(), attribute_keys();
        /// Refined names per root operation; the rest is `other`.
        /// 64 are more than a gateway's usual routes, and few enough to read.
        facts max_refined: usize = 64, between(1, 100_000);
        /// Flows kept per minute; the rest is `other`.
        /// 2,000 are the entry points of a large system; each carries its critical paths, so they cost the most.
        facts max_flows: usize = 2_000, between(1, 1_000_000);
        /// Chains of calls on the critical paths of one flow that are kept per minute; the time of the rest is `other`
        /// below the nearest one that is kept.
        /// A flow usually has some dozens; 512 bound what one that calls everything can cost.
        facts max_paths: usize = 512, between(1, 100_000);
        /// Whole traces of one flow that are kept per minute, to be opened.
        /// 8 show how requests differ; a span takes some 25 bytes of a minute, so 100 flows of 30 spans take 0.6 MB.
        facts max_traces: usize = 8, between(0, 128);
        /// Distinct calls of the requests of one flow that are kept per minute; 0 keeps none. The rest is counted.
        /// A flow usually has some dozens; 1,024 bound what one that calls everything can cost.
        facts max_calls: usize = 1_024, between(0, 100_000);
    }

    /// What counts as a critical path that flows share.
    shared: SharedConfig {
        /// Flows that must share a segment.
        /// Two are the fewest that can share anything; a question may ask for more.
        process min_flows: usize = 2, between(2, 100_000);
        /// Requests in the range below which a flow is left out, and named as such.
        /// Ten are enough to tell a path that is nearly always taken from one that is not.
        process min_requests: u64 = 10, between(1, 1_000_000);
        /// Per cent of a flow's requests that must surely (95 %) have a segment on their critical path.
        /// Five leave out the odd slow call of a flow that usually waits for something else.
        process min_presence_percent: u64 = 5, between(0, 100);
        /// Segments with a smaller part of new time than this, in per cent, are folded under another.
        /// Neighbours as `a > b` and `a > b > c` say nearly the same; below a third a row of its own repeats the list.
        process min_new_percent: u64 = 30, between(0, 100);
        /// How much flows matter: globs over `service/flow`, each with a weight; the first that matches counts.
        /// Empty, as Linchpin cannot know what a business lives on; other flows weigh 1.
        process tiers: Vec<String> = Vec::new(), tiers();
    }

    /// How spans that do not say how they were sampled count.
    sampling: SamplingConfig {
        /// Probability with which spans that do not say were kept; each counts 1/p.
        /// Unset, such spans count once and answers call their sampling unknown: a guess would look like knowledge.
        facts default_probability: Option<f64> = None, probability();
    }

    /// The graph in memory.
    graph: GraphConfig {
        /// Memory for sealed minutes. Beyond it the least used are read from the store again when they are asked for;
        /// without a store the oldest go.
        /// 1 GiB holds days of a large system, and leaves room for the rest of the process on a machine of 4 GiB.
        process memory: u64 as Bytes = 1 << 30, sized(16 << 20);
        /// Operation-level nodes per minute; the rest is `other`.
        /// 100,000 are the active operations of 20,000 services.
        facts max_nodes: usize = 100_000, between(1, 100_000_000);
        /// Operation-level edges per minute; the rest is `other`.
        /// 400,000 are all edges of a system of 20,000 services, of which a minute usually sees a fraction.
        facts max_edges: usize = 400_000, between(1, 100_000_000);
    }

    /// Sealed minutes, and how long they are kept. Ages count back from the newest sealed minute that
    /// is not ahead of the wall clock.
    store: StoreConfig {
        /// Folder of the store; `auto` is `linchpin` in the platform's data folder, `none` keeps everything in memory.
        /// `auto`, so that history survives a restart without a thought; one process writes to a folder.
        process path: String = "auto".into(), not_blank();
        /// How long anything is kept.
        /// 30 days hold what happens once a month, and answer what a dependency was like before the last release.
        process retention: Duration = times(DAY, 30), lasting(secs(600), times(DAY, 10 * 366));
        /// Bytes on disk; beyond them the oldest go first.
        /// 10 GiB are a month of a large system.
        process max_size: u64 as Bytes = 10 << 30, sized(1 << 20);
        /// How long single minutes are kept beside the ten minutes that they are rolled up to.
        /// Six hours cover an incident and its review by the minute.
        process keep_minutes: Duration = times(HOUR, 6), lasting(secs(600), times(DAY, 366));
        /// How long ten minutes are kept beside their hours.
        /// Two days compare with the same time of yesterday.
        process keep_ten_minutes: Duration = times(DAY, 2), lasting(HOUR, times(DAY, 366));
        /// How long hours are kept beside their days.
        /// As long as anything: an hour of three weeks ago can still be asked for.
        process keep_hours: Duration = times(DAY, 30), lasting(DAY, times(DAY, 10 * 366));
    }

    /// The page and the answers.
    http: HttpConfig {
        /// Address and port to listen at.
        /// Only this machine by default, as there is no login: who opens it up decides who may read the graph.
        process listen: String = "127.0.0.1:7171".into(), listen_address();
    }

    /// Linchpin's own log lines, on stderr.
    log: LogConfig {
        /// Level or filter, as `info` or `info,linchpin::source=debug`.
        /// `info` tells of starts, rebalances and problems, and nothing per record.
        process level: String = "info".into(), log_filter();
        /// Shape of lines.
        /// `auto` is readable on a terminal and JSON, a line an event, elsewhere: there a machine reads it.
        process format: LogFormat = LogFormat::Auto;
    }
}
