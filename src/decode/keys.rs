//! Which slot an attribute goes to: those that rules know by their names, and those that the configuration names.

use super::semconv::Key;

/// Most attributes that the configuration can name beyond the known ones.
const MAX_NAMED: usize = 8;

/// The place of an attribute among those that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u8);

impl Slot {
    /// Number of slots.
    pub const COUNT: usize = Key::COUNT + MAX_NAMED;

    /// The slot's bit in a mask.
    #[inline(always)]
    pub fn bit(self) -> u128 {
        1 << self.0
    }

    /// Its position.
    #[inline(always)]
    pub fn index(self) -> usize {
        self.0.into()
    }
}

const _: () = assert!(Slot::COUNT <= 128, "a mask has 128 bits");

impl From<Key> for Slot {
    #[inline(always)]
    fn from(key: Key) -> Slot {
        Slot(key as u8)
    }
}

/// The attributes that are read.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Beyond the known ones, by slot.
    named: Vec<Box<[u8]>>,
    /// Those that name a flow, first choice first.
    flow: Vec<Slot>,
    flow_mask: u128,
}

impl Keys {
    /// The known ones, and those that name a flow.
    pub fn new(flow_attributes: &[String]) -> Keys {
        let mut keys = Keys::default();
        for name in flow_attributes.iter().take(MAX_NAMED).map(|name| name.as_bytes()) {
            let slot = keys.find(name).unwrap_or_else(|| {
                keys.named.push(name.into());
                Slot((Key::COUNT + keys.named.len() - 1) as u8)
            });
            keys.flow.push(slot);
            keys.flow_mask |= slot.bit();
        }
        keys
    }

    /// The slot of an attribute; `None` where no rule reads it.
    #[inline(always)]
    pub fn find(&self, name: &[u8]) -> Option<Slot> {
        match Key::find(name) {
            Some(key) => Some(key.into()),
            None if self.named.is_empty() => None,
            None => self.find_named(name),
        }
    }

    #[cold]
    fn find_named(&self, name: &[u8]) -> Option<Slot> {
        let at = self.named.iter().position(|named| **named == *name)?;
        Some(Slot((Key::COUNT + at) as u8))
    }

    /// The attributes that name a flow, first choice first.
    pub fn flow(&self) -> &[Slot] {
        &self.flow
    }

    /// The bits of all of these.
    #[inline(always)]
    pub fn flow_mask(&self) -> u128 {
        self.flow_mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_configuration_names_is_found_beside_what_rules_know() {
        let keys = Keys::new(&["app.feature".into(), "http.route".into(), "team".into()]);
        let found = |name: &str| keys.find(name.as_bytes()).map(Slot::index);
        assert_eq!(found("app.feature"), Some(Key::COUNT));
        assert_eq!(found("http.route"), Some(Key::HttpRoute as usize));
        assert_eq!(found("team"), Some(Key::COUNT + 1));
        assert_eq!(found("app.featur"), None);
        assert_eq!(found("url.path"), Some(Key::UrlPath as usize));
        assert_eq!(keys.flow().iter().map(|slot| slot.index()).max(), Some(Key::COUNT + 1));
        assert_eq!(Keys::new(&[]).find(b"app.feature"), None);
    }
}
