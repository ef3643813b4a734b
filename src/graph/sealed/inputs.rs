//! What inputs delivered as bytes and back: counters, gaps, and the positions to read again from.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Damage;
use super::wire::{Reader, Writer};
use crate::lane::{Gap, GapCause, InputCounts, Inputs, Position, ShedState};
use crate::model::LogMillis;
use crate::telemetry::Reason;

/// Where inputs are to be read again from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// How far behind the end of the minute they lie at least (M + G), milliseconds of log time.
    pub look_back: LogMillis,
    /// By the inputs' names.
    pub inputs: BTreeMap<Arc<str>, Position>,
}

pub(super) fn write_counts(inputs: &Inputs) -> Vec<u8> {
    let mut out = Writer::default();
    out.number(inputs.0.len() as u64);
    for (name, counts) in &inputs.0 {
        out.text(name);
        out.number(counts.records);
        if counts.records > 0 {
            out.signed(counts.first_offset);
            out.number(counts.last_offset.abs_diff(counts.first_offset));
        }
        [counts.bytes, counts.behind, counts.refuted_jumps].into_iter().for_each(|n| out.number(n));
        let dropped = || Reason::ALL.into_iter().zip(counts.dropped).filter(|(_, n)| *n > 0);
        out.number(dropped().count() as u64);
        for (reason, n) in dropped() {
            out.text(reason.name());
            out.number(n);
        }
    }
    out.0
}

pub(super) fn read_counts(bytes: &[u8]) -> Result<Inputs, Damage> {
    let mut inputs = Inputs::default();
    let mut input = Reader(bytes);
    for _ in 0..list(&mut input)? {
        let name = Arc::from(input.text()?);
        let mut counts = InputCounts { records: input.number()?, ..InputCounts::default() };
        if counts.records > 0 {
            counts.first_offset = input.signed()?;
            counts.last_offset = counts.first_offset.saturating_add_unsigned(input.number()?);
        }
        for sum in [&mut counts.bytes, &mut counts.behind, &mut counts.refuted_jumps] {
            *sum = input.number()?;
        }
        for _ in 0..input.count()? {
            let (reason, n) = (input.text()?, input.number()?);
            // A reason that this version does not know is one of a newer writer: it stays counted as malformed.
            let known = Reason::ALL.into_iter().find(|known| known.name() == reason);
            counts.dropped[known.unwrap_or(Reason::Malformed) as usize] += n;
        }
        inputs.0.insert(name, counts);
    }
    Ok(inputs)
}

pub(super) fn write_gaps<'a>(gaps: impl ExactSizeIterator<Item = &'a Gap>) -> Vec<u8> {
    let mut out = Writer::default();
    out.number(gaps.len() as u64);
    for gap in gaps {
        out.text(&gap.input);
        out.number(gap.cause as u64);
        out.option(gap.since);
        out.signed(gap.until);
        out.number(gap.offsets);
    }
    out.0
}

pub(super) fn read_gaps(bytes: &[u8]) -> Result<Vec<Gap>, Damage> {
    let mut input = Reader(bytes);
    let count = list(&mut input)?;
    let gap = |_| {
        Ok(Gap {
            input: Arc::from(input.text()?),
            cause: GapCause::ALL
                .get(input.number()? as usize)
                .copied()
                .ok_or(Damage::Malformed("no such cause of a gap"))?,
            since: input.option()?,
            until: input.signed()?,
            offsets: input.number()?,
        })
    };
    (0..count).map(gap).collect()
}

pub(super) fn write_positions(positions: &Positions) -> Vec<u8> {
    let mut out = Writer::default();
    out.number(positions.inputs.len() as u64);
    out.signed(positions.look_back);
    for (name, position) in &positions.inputs {
        out.text(name);
        out.signed(position.offset);
        out.option(position.newest);
        out.signed(position.shed.second);
        out.number(position.shed.spans);
        out.option(position.shed.kept.map(i64::from));
    }
    out.0
}

pub(super) fn read_positions(bytes: &[u8]) -> Result<Positions, Damage> {
    let mut input = Reader(bytes);
    let count = list(&mut input)?;
    if bytes.is_empty() {
        return Ok(Positions::default());
    }
    let look_back = input.signed()?;
    let position = |_| {
        let name = Arc::from(input.text()?);
        let (offset, newest) = (input.signed()?, input.option()?);
        let (second, spans) = (input.signed()?, input.number()?);
        let kept = input.option()?.map(u32::try_from).transpose();
        let kept = kept.map_err(|_| Damage::Malformed("a kept share has more than 32 bits"))?;
        let shed = ShedState { second, spans, kept };
        Ok((name, Position { offset, newest, shed, doubtful_to: None }))
    };
    let inputs = (0..count).map(position).collect::<Result<_, Damage>>()?;
    Ok(Positions { look_back, inputs })
}

/// Nothing where no input has a doubt.
pub(super) fn write_doubts(positions: &Positions) -> Vec<u8> {
    let doubts: Vec<(&Arc<str>, LogMillis)> =
        positions.inputs.iter().filter_map(|(name, position)| Some((name, position.doubtful_to?))).collect();
    let mut out = Writer::default();
    if !doubts.is_empty() {
        out.number(doubts.len() as u64);
    }
    for (name, to) in doubts {
        out.text(name);
        out.signed(to);
    }
    out.0
}

pub(super) fn read_doubts(bytes: &[u8], positions: &mut Positions) -> Result<(), Damage> {
    let mut input = Reader(bytes);
    for _ in 0..list(&mut input)? {
        let (name, to) = (input.text()?, input.signed()?);
        let position = positions.inputs.get_mut(name);
        position.ok_or(Damage::Malformed("a doubt about an input without position"))?.doubtful_to = Some(to);
    }
    Ok(())
}

/// The number of entries of a section; a section that is not there has none.
pub(super) fn list(input: &mut Reader<'_>) -> Result<usize, Damage> {
    if input.0.is_empty() { Ok(0) } else { input.count() }
}

impl Writer {
    fn option(&mut self, n: Option<i64>) {
        self.number(u64::from(n.is_some()));
        n.into_iter().for_each(|n| self.signed(n));
    }
}

impl Reader<'_> {
    fn option(&mut self) -> Result<Option<i64>, Damage> {
        match self.number()? {
            0 => Ok(None),
            _ => self.signed().map(Some),
        }
    }
}
