//! Attributes for tests, in one line: `key=text key=#42 key=?true`.

use std::sync::Arc;

use super::raw::{Slots, Value};

/// Slots with the given attributes; an unknown key is a mistake in the test.
pub(super) fn slots(line: &str) -> Slots<'_> {
    let mut slots = Slots::new(Arc::default());
    for pair in line.split_whitespace() {
        let (key, value) = pair.split_once('=').unwrap();
        let slot = slots.find(key.as_bytes()).unwrap_or_else(|| panic!("no rule reads {key}"));
        let value = match value.as_bytes() {
            [b'#', number @ ..] => Value::Int(std::str::from_utf8(number).unwrap().parse().unwrap()),
            [b'?', flag @ ..] => Value::Bool(flag == b"true"),
            text => Value::Text(text),
        };
        slots.set(slot, value);
    }
    slots
}
