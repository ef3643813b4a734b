//! The compact span: what the later steps use of a span, and nothing else, in 72 bytes.

use super::ids::{SpanId, TraceId};
use super::sampling::Sampling;
use super::symbols::{PeerId, ResourceId, Symbol};
use super::time::UnixNanos;

/// OpenTelemetry's span kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SpanKind {
    /// Not set by the instrumentation.
    #[default]
    Unspecified = 0,
    /// Inside one service.
    Internal = 1,
    /// Answers a remote request.
    Server = 2,
    /// Waits for a remote answer.
    Client = 3,
    /// Hands a message over.
    Producer = 4,
    /// Takes a message.
    Consumer = 5,
}

impl SpanKind {
    /// From OTLP's number; unknown numbers count as unspecified.
    pub fn from_otlp(number: u64) -> SpanKind {
        match number {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        }
    }
}

/// What a call speaks, from the semantic conventions of its spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// No attribute says.
    #[default]
    Unknown = 0,
    /// `http.*` attributes.
    Http = 1,
    /// `rpc.system` = grpc.
    Grpc = 2,
    /// Any other `rpc.system`.
    Rpc = 3,
    /// `db.*` attributes.
    Database = 4,
    /// `messaging.*` attributes.
    Messaging = 5,
}

impl Protocol {
    /// The name in JSON and on pictures.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Unknown => "unknown",
            Protocol::Http => "http",
            Protocol::Grpc => "grpc",
            Protocol::Rpc => "rpc",
            Protocol::Database => "database",
            Protocol::Messaging => "messaging",
        }
    }

    /// All protocols, by number.
    pub const ALL: [Protocol; 6] = [
        Protocol::Unknown,
        Protocol::Http,
        Protocol::Grpc,
        Protocol::Rpc,
        Protocol::Database,
        Protocol::Messaging,
    ];
}

/// The messaging operation, from `messaging.operation.type` (old: `messaging.operation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MessagingOperation {
    /// Not a messaging span, or it does not say.
    #[default]
    None = 0,
    /// A message is made; sent by another span.
    Create = 1,
    /// One or more messages go to the broker (`send`, old: `publish`).
    Send = 2,
    /// The application asks for messages.
    Receive = 3,
    /// A message is worked on (`process`, old: `deliver`).
    Process = 4,
    /// A message is acknowledged.
    Settle = 5,
}

impl MessagingOperation {
    /// All operations, by number.
    pub const ALL: [MessagingOperation; 6] = [
        MessagingOperation::None,
        MessagingOperation::Create,
        MessagingOperation::Send,
        MessagingOperation::Receive,
        MessagingOperation::Process,
        MessagingOperation::Settle,
    ];
}

/// Whether the parent is in another process, from bits 8 and 9 of OTLP's `flags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RemoteParent {
    /// The producer did not say.
    #[default]
    Unknown = 0,
    /// The parent is in the same process.
    Local = 1,
    /// The parent is in another process.
    Remote = 2,
}

impl RemoteParent {
    /// All of them, by number.
    pub const ALL: [RemoteParent; 3] = [RemoteParent::Unknown, RemoteParent::Local, RemoteParent::Remote];
}

/// Links to other spans. Only those into the same trace can be joined; the others are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Links {
    /// Linked spans of the same trace, in the order of the wire, at most [`Links::MAX`].
    pub same_trace: Vec<SpanId>,
    /// Number of links into other traces.
    pub other_traces: u32,
    /// Number of same-trace links beyond [`Links::MAX`].
    pub dropped: u32,
}

impl Links {
    /// Links into the same trace that are kept of one span.
    pub const MAX: usize = 1024;
}

/// A span as every step after decoding sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Its id; never zero after decoding.
    pub id: SpanId,
    /// Its parent, [`SpanId::NONE`] for a root.
    pub parent: SpanId,
    /// Start in event time.
    pub start: UnixNanos,
    /// End in event time, never before `start` after decoding.
    pub end: UnixNanos,
    /// How the span was sampled.
    pub sampling: Sampling,
    /// Links to other spans, rare.
    pub links: Option<Box<Links>>,
    /// The service, its namespace, environment, version and clock.
    pub resource: ResourceId,
    /// The templated span name.
    pub operation: Symbol,
    /// Who is on the other side by the attributes, [`PeerId::NONE`] where nothing says.
    pub peer: PeerId,
    /// What was asked for, as rule 1 of flow identity says (ALGORITHMS 0); equal to `operation` where nothing better is known.
    pub request: Symbol,
    /// The span's kind.
    pub kind: SpanKind,
    /// What it speaks.
    pub protocol: Protocol,
    /// The messaging operation.
    pub messaging: MessagingOperation,
    /// Whether the parent is remote.
    pub remote_parent: RemoteParent,
    /// Status is ERROR.
    pub is_error: bool,
    /// Marked as a resend by its instrumentation (`http.request.resend_count` above zero).
    pub is_resend: bool,
    /// `request` is sure to say what was asked for, however generic it reads: `GET /` of the home page, not of a catch-all.
    pub is_request_certain: bool,
}

/// A decoded span with the trace it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanRecord {
    /// Its trace.
    pub trace: TraceId,
    /// The span.
    pub span: Span,
}

const _: () = assert!(std::mem::size_of::<Span>() <= 80, "a pending span must stay small: DESIGN 6");
