//! Spans that nobody wants in the graph, by globs over `service/operation`: health checks above all.
//!
//! `*` matches any run of characters, `/` included; every other character matches itself.
//! Hot: one look-up per span.

use crate::model::{FastMap, Symbol, Symbols};

/// Remembered answers; when they are that many, they are forgotten.
const MAX_ENTRIES: usize = 65_536;

/// The globs and what they said of the names seen.
pub(super) struct Ignore {
    globs: Vec<String>,
    known: FastMap<(Symbol, Symbol), bool>,
}

impl Ignore {
    /// Rules from `[ignore]`.
    pub fn new(globs: Vec<String>) -> Ignore {
        Ignore { globs, known: FastMap::default() }
    }

    /// True where a glob names the operation of the service.
    #[inline]
    pub fn matches(&mut self, symbols: &Symbols, service: Symbol, operation: Symbol) -> bool {
        if self.globs.is_empty() {
            return false;
        }
        match self.known.get(&(service, operation)) {
            Some(known) => *known,
            None => self.learn(symbols, service, operation),
        }
    }

    #[cold]
    fn learn(&mut self, symbols: &Symbols, service: Symbol, operation: Symbol) -> bool {
        let name = format!("{}/{}", symbols.text(service), symbols.text(operation));
        let is_match = self.globs.iter().any(|glob| glob_matches(glob.as_bytes(), name.as_bytes()));
        if self.known.len() >= MAX_ENTRIES {
            self.known.clear();
        }
        self.known.insert((service, operation), is_match);
        is_match
    }
}

/// Only the last `*` is ever tried again, so the work is at most the product of the two lengths.
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut at_glob, mut at_text) = (0, 0);
    let mut retry = None;
    while at_text < text.len() {
        if glob.get(at_glob) == Some(&b'*') {
            at_glob += 1;
            retry = Some((at_glob, at_text));
        } else if glob.get(at_glob) == Some(&text[at_text]) {
            at_glob += 1;
            at_text += 1;
        } else if let Some((behind_star, from)) = retry {
            at_glob = behind_star;
            at_text = from + 1;
            retry = Some((behind_star, from + 1));
        } else {
            return false;
        }
    }
    glob[at_glob..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IgnoreConfig;

    #[test]
    fn globs() {
        let table = [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abcd", false),
            ("*b*b*", "abab", true),
            ("*ab", "aab", true),
            ("a", "A", false),
            ("a?c", "abc", false),
            ("*/*/healthz", "cart/GET /healthz", true),
            ("*/*/healthz", "cart/GET /healthz2", false),
        ];
        for (glob, text, expected) in table {
            assert_eq!(glob_matches(glob.as_bytes(), text.as_bytes()), expected, "{glob} on {text}");
        }
        assert!(!glob_matches("*a".repeat(50).as_bytes(), "b".repeat(50_000).as_bytes()));
    }

    #[test]
    fn the_defaults_know_health_checks_and_nothing_else() {
        let symbols = Symbols::new(100);
        let mut ignore = Ignore::new(IgnoreConfig::default().operations);
        let table = [
            ("cart", "GET /healthz", true),
            ("cart", "grpc.health.v1.Health/Check", true),
            ("cart", "GET /cart/{id}", false),
            ("", "/readyz", true),
        ];
        for _ in 0..2 {
            for (service, operation, expected) in table {
                let (service, operation) = (symbols.intern(service), symbols.intern(operation));
                assert_eq!(ignore.matches(&symbols, service, operation), expected, "{operation:?}");
            }
        }
    }
}
