//! The life of the reading thread: wait for topics, read as a member of the group, and start anew where that broke.
//!
//! Positions outlive a session, so that a rebalance or a new session reads nothing twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{current, park_timeout};
use std::time::{Duration, Instant};

use super::Plan;
use super::context::Signals;
use super::health::Condition;
use super::outbox::Outboxes;
use super::partition::Past;
use super::place::{Inputs, Place, Positions};
use super::scout::{self, Answer, ScoutLine};
use super::session::{Ending, Session};
use super::shutdown::Shutdown;
use super::survey::Survey;
use crate::config::{KafkaConfig, LaneMode};
use crate::model::InputId;
use crate::telemetry::Telemetry;

/// The longest time without a look at the token and at the group's queue.
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(50);
/// After a failure that ends a membership for good, another one is tried only this much later.
const SESSION_PAUSE: Duration = Duration::from_secs(30);

/// What all sessions share.
pub(super) struct Reader {
    pub(super) config: KafkaConfig,
    pub(super) lanes: LaneMode,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) shutdown: Shutdown,
    pub(super) signals: Arc<Signals>,
    pub(super) scout: ScoutLine,
    pub(super) outboxes: Outboxes,
    pub(super) inputs: Inputs,
    pub(super) positions: Positions,
    /// Partitions that the group lost with us, until it hands out anew: the status keeps them.
    pub(super) lost: BTreeMap<InputId, Past>,
    pub(super) survey: Option<Survey>,
    /// Partitions that merged lanes wait for: all there were at the first assignment, and all that were ever assigned.
    pub(super) required: BTreeMap<Place, Required>,
    /// What the group refuses, in words.
    pub(super) refusal: Option<String>,
}

/// A partition that merged lanes wait for.
#[derive(Clone, Copy, Default)]
pub(super) struct Required {
    /// Surveys in a row that did not find it.
    pub(super) missed: u32,
}

/// Numbers of a session that the connection's state is made from.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) any_broker: bool,
    pub(super) has_joined: bool,
    pub(super) assigned: usize,
    pub(super) unplaced: usize,
    pub(super) unheard: usize,
}

impl Reader {
    /// To be called in the reading thread.
    pub(super) fn open(
        config: KafkaConfig,
        plan: Plan,
        telemetry: Arc<Telemetry>,
        shutdown: Shutdown,
        outboxes: Outboxes,
    ) -> anyhow::Result<Reader> {
        let signals = Arc::<Signals>::default();
        let scout = scout::start(&config, signals.clone(), current(), shutdown.clone())?;
        Ok(Reader {
            config,
            lanes: plan.lanes,
            telemetry,
            shutdown,
            signals,
            scout,
            outboxes,
            inputs: Inputs::default(),
            positions: plan.positions,
            lost: BTreeMap::new(),
            survey: None,
            required: BTreeMap::new(),
            refusal: None,
        })
    }

    /// Ends with the token, or with the workers.
    pub(super) fn run(&mut self) {
        while self.await_topics() {
            let refusal = match Session::open(self) {
                Ok(session) => match session.run() {
                    Ending::Shutdown | Ending::Abandoned => return,
                    Ending::Fatal(problem) => problem,
                },
                Err(problem) => problem,
            };
            tracing::warn!(problem = refusal, "left the group, back in {} s", SESSION_PAUSE.as_secs());
            self.refusal = Some(refusal);
            self.report(Tally { any_broker: true, ..Tally::default() });
            self.rest(SESSION_PAUSE);
            self.refusal = None;
        }
    }

    /// Waits until there is something to read; false where the token came first.
    fn await_topics(&mut self) -> bool {
        while !self.shutdown.is_triggered() {
            self.scout.serve();
            while let Some(answer) = self.scout.next_answer() {
                if let Answer::Survey(survey) = answer {
                    self.signals.clear_trouble();
                    self.survey = Some(survey);
                }
            }
            self.report(Tally::default());
            if self.survey.as_ref().is_some_and(|survey| !survey.partitions.is_empty()) {
                return true;
            }
            park_timeout(LONGEST_WAIT);
        }
        false
    }

    fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.shutdown.is_triggered() && Instant::now() < until {
            self.scout.serve();
            park_timeout(LONGEST_WAIT);
        }
    }

    /// Writes the connection's state, and a line where its problem changed.
    pub(super) fn report(&self, tally: Tally) {
        let trouble = self.signals.trouble();
        let condition = Condition {
            config: &self.config,
            lanes: self.lanes,
            survey: self.survey.as_ref(),
            trouble: trouble.as_ref(),
            any_broker: tally.any_broker,
            refusal: self.refusal.as_deref(),
            has_joined: tally.has_joined,
            assigned: tally.assigned,
            unplaced: tally.unplaced,
            unheard: tally.unheard,
        };
        let problem = condition.problem();
        let (is_connected, is_starting) = (condition.is_connected(), condition.is_starting());
        let known = self.survey.as_ref().map_or(0, |survey| survey.partitions.len());
        self.telemetry.partitions.update_connection(|connection| {
            if connection.problem != problem || connection.is_connected != is_connected {
                match &problem {
                    Some(step) if is_starting => tracing::info!(step, "kafka"),
                    Some(problem) => tracing::warn!(problem, is_connected, "kafka"),
                    None => tracing::info!(partitions = tally.assigned, "kafka: all partitions are read"),
                }
            }
            connection.is_connected = is_connected;
            connection.problem = problem;
            connection.partitions_known = known.max(tally.assigned);
            connection.partitions_assigned = tally.assigned;
        });
    }
}
