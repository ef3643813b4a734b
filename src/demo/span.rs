//! Simulated spans, and the catalogue of what they share: resources and templates.
//!
//! A span of the same operation differs from the next one in ids, times and a few values only,
//! so the rest stands once in a [`Template`] and is encoded once.

use std::borrow::Cow;

use crate::model::{RemoteParent, SpanId, SpanKind, TraceId, UnixNanos};

/// Text of an attribute; the usual ones are constants.
pub type Text = Cow<'static, str>;

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Text(Text),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
}

/// A name with its value.
pub type Attribute = (Text, Value);

/// An attribute with a string.
pub fn text(key: impl Into<Text>, value: impl Into<Text>) -> Attribute {
    (key.into(), Value::Text(value.into()))
}

/// An attribute with a whole number.
pub fn int(key: impl Into<Text>, value: i64) -> Attribute {
    (key.into(), Value::Int(value))
}

/// A template by number in its [`Catalog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TemplateId(pub u32);

/// A resource (one instance of a service) by number in its [`Catalog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u32);

/// What all spans of one operation share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Span name.
    pub name: Text,
    /// Span kind.
    pub kind: SpanKind,
    /// Attributes that even a slim span carries: those that say what is called.
    pub essential: Vec<Attribute>,
    /// The other attributes of an ordinary instrumentation.
    pub further: Vec<Attribute>,
    /// Name of the attribute that takes [`SimSpan::status_code`].
    pub status_key: Option<&'static str>,
    /// An attribute whose text ends in a number that differs from span to span, as `url.path` does.
    pub varying: Option<(&'static str, Text)>,
}

impl Template {
    /// A template without attributes.
    pub fn new(name: impl Into<Text>, kind: SpanKind) -> Template {
        Template {
            name: name.into(),
            kind,
            essential: Vec::new(),
            further: Vec::new(),
            status_key: None,
            varying: None,
        }
    }
}

/// One instance of a service: the resource of its spans, and the agent that sends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Attributes of the resource that even slim messages carry.
    pub essential: Vec<Attribute>,
    /// The other attributes of an ordinary SDK.
    pub further: Vec<Attribute>,
    /// Name of the instrumentation scope.
    pub scope: &'static str,
    /// Number of the agent: spans of one agent go out together.
    pub agent: u32,
}

/// What spans refer to by number. It only grows.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Templates by number.
    pub templates: Vec<Template>,
    /// Instances by number.
    pub instances: Vec<Instance>,
}

impl Catalog {
    /// Adds a template.
    pub fn add_template(&mut self, template: Template) -> TemplateId {
        self.templates.push(template);
        TemplateId((self.templates.len() - 1) as u32)
    }

    /// Adds an instance.
    pub fn add_instance(&mut self, instance: Instance) -> InstanceId {
        self.instances.push(instance);
        InstanceId((self.instances.len() - 1) as u32)
    }

    /// A span's template.
    pub fn template(&self, id: TemplateId) -> &Template {
        &self.templates[id.0 as usize]
    }

    /// The agent that sends an instance's spans.
    pub fn agent(&self, id: InstanceId) -> u32 {
        self.instances[id.0 as usize].agent
    }
}

/// A link to another span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimLink {
    /// Trace of the linked span.
    pub trace: TraceId,
    /// The linked span.
    pub span: SpanId,
}

/// A simulated span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimSpan {
    /// Its trace.
    pub trace: TraceId,
    /// Its id.
    pub id: SpanId,
    /// Its parent, [`SpanId::NONE`] for a root.
    pub parent: SpanId,
    /// Name, kind and fixed attributes.
    pub template: TemplateId,
    /// Who made it.
    pub instance: InstanceId,
    /// Start in event time.
    pub start: UnixNanos,
    /// End in event time; before `start` only where a clock is wrong on purpose.
    pub end: UnixNanos,
    /// Status is ERROR.
    pub is_error: bool,
    /// What the flags say of the parent.
    pub remote_parent: RemoteParent,
    /// Value for [`Template::status_key`]; none where 0.
    pub status_code: u16,
    /// `http.request.resend_count`; none where 0.
    pub resend_count: u8,
    /// Fills what varies from span to span.
    pub variation: u32,
    /// Links.
    pub links: Vec<SimLink>,
    /// W3C trace state, empty for none.
    pub trace_state: &'static str,
    /// How long after its end the span reaches its agent, nanoseconds.
    pub delay: u64,
}

impl SimSpan {
    /// When the span reaches its agent.
    pub fn delivered_at(&self) -> UnixNanos {
        self.end.max(self.start) + self.delay
    }
}
