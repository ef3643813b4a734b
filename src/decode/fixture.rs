//! Attributes for tests, in one line: `key=text key=#42 key=?true`.

use super::raw::{Slots, Value};
use super::semconv::Key;

/// Slots with the given attributes; an unknown key is a mistake in the test.
pub(super) fn slots(line: &str) -> Slots<'_> {
    let mut slots = Slots::new();
    for pair in line.split_whitespace() {
        let (key, value) = pair.split_once('=').unwrap();
        let key = Key::find(key.as_bytes()).unwrap_or_else(|| panic!("no rule reads {key}"));
        let value = match value.as_bytes() {
            [b'#', number @ ..] => Value::Int(std::str::from_utf8(number).unwrap().parse().unwrap()),
            [b'?', flag @ ..] => Value::Bool(flag == b"true"),
            text => Value::Text(text),
        };
        slots.set(key, value);
    }
    slots
}
