//! Pending spans in one arena, chained per trace: no allocation per span, freed places are used again.
//!
//! Hot: one push per span. Places are in chunks, so growing never copies spans.

use crate::model::Span;

/// No place.
pub(super) const NONE: u32 = u32::MAX;
const CHUNK: usize = 4096;

struct Place {
    span: Span,
    /// Log time, milliseconds after the session's base.
    offset: i32,
    next: u32,
}

/// The arena.
pub(super) struct SpanSlab {
    chunks: Vec<Vec<Place>>,
    /// Places to be used again.
    free: Vec<u32>,
    len: usize,
}

impl SpanSlab {
    pub fn new() -> SpanSlab {
        SpanSlab { chunks: Vec::new(), free: Vec::new(), len: 0 }
    }

    /// Spans held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the arena.
    pub fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<Place>() + self.free.capacity() * size_of::<u32>()
    }

    /// Puts a span in front of the chain `head`; the new head.
    pub fn push(&mut self, head: u32, offset: i32, span: Span) -> u32 {
        self.len += 1;
        let place = Place { span, offset, next: head };
        if let Some(at) = self.free.pop() {
            *self.at(at) = place;
            return at;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        chunk.push(place);
        (number * CHUNK + chunk.len() - 1) as u32
    }

    /// Takes the first span of the chain `head`, and the rest of the chain.
    pub fn pop(&mut self, head: u32) -> Option<(i32, Span, u32)> {
        if head == NONE {
            return None;
        }
        self.len -= 1;
        let place = self.at(head);
        let (offset, next) = (place.offset, place.next);
        let span = std::mem::take(&mut place.span);
        self.free.push(head);
        Some((offset, span, next))
    }

    /// The spans of a chain.
    pub fn iter(&self, head: u32) -> impl Iterator<Item = (i32, &Span)> {
        let mut at = head;
        std::iter::from_fn(move || {
            if at == NONE {
                return None;
            }
            let place = &self.chunks[at as usize / CHUNK][at as usize % CHUNK];
            at = place.next;
            Some((place.offset, &place.span))
        })
    }

    /// Walks several chains side by side, so that they are in the cache afterwards.
    ///
    /// The spans of a trace lie all over the arena; walking one chain after the other waits for memory at each step.
    /// Measured: a third less CPU time in lanes with 3 million pending spans, a tenth with 300,000.
    pub fn touch(&self, heads: &mut [u32]) {
        let mut is_left = true;
        while is_left {
            is_left = false;
            for head in heads.iter_mut().filter(|head| **head != NONE) {
                let place = &self.chunks[*head as usize / CHUNK][*head as usize % CHUNK];
                std::hint::black_box(place.span.id);
                *head = place.next;
                is_left = true;
            }
        }
    }

    fn at(&mut self, place: u32) -> &mut Place {
        &mut self.chunks[place as usize / CHUNK][place as usize % CHUNK]
    }
}

const _: () = assert!(size_of::<Place>() <= 88, "a pending span must stay small: DESIGN 6");
