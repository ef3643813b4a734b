//! Names without their ids: `/orders/4711` and `/orders/4712` are one operation, `/orders/{id}`.
//!
//! Static rules of version [`RULES_VERSION`]: the same name gives the same template on every machine and in every order,
//! which rules that learn from what they saw cannot promise.
//! Guaranteed: a template is its own template.
//!
//! A name is taken apart into words (at white space), segments (at `/`) and tokens (at punctuation).
//! A segment or token that is an id becomes `{id}`; placeholders (`{x}`, `:x`, `<int:x>`, `[x]`, `*`) stay.
//! In a word with a `/` the query (`?`) and matrix parameters (`;`) are cut off.
//! Short numbers stay outside of paths (`HTTP 200`), and so do versions (`v1`, `api2`, `ipv4`, `/api/1.0`) everywhere.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Version of these rules: names from before and after a change cannot be compared.
pub const RULES_VERSION: u32 = 1;

const PLACEHOLDER: &str = "{id}";
/// Digits from which a number in a token or in a word without `/` is an id: years and dates count, `HTTP 200` does not.
const MIN_DIGITS: usize = 4;
/// As above, behind a `:`, where a port of up to five digits may stand.
const MIN_DIGITS_AFTER_COLON: usize = 6;
/// Hex digits (one of them 0-9) from which a token is a hash.
const MIN_HEX: usize = 8;
/// Characters from which random letters and digits are an id, and from which they are with at least three digits.
const MIN_OPAQUE: usize = 16;
const MIN_OPAQUE_WITH_DIGITS: usize = 10;
const UUID_LENGTH: usize = 36;

/// The template of a name.
pub fn template(name: &str) -> Cow<'_, str> {
    // Every id has a digit or an `@`, and what is cut off begins with `?` or `;`: most names end here.
    if !name.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'@' | b'?' | b';')) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + PLACEHOLDER.len());
    for piece in name.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end_matches(char::is_whitespace);
        push_word(word, &mut out);
        out.push_str(&piece[word.len()..]);
    }
    Cow::Owned(out)
}

/// The longest start of `name` that has at most `max` bytes.
pub fn cut(name: &str, max: usize) -> &str {
    &name[..name.floor_char_boundary(max)]
}

fn push_word(word: &str, out: &mut String) {
    let word = without_query(word);
    let is_path = word.contains('/');
    for (index, segment) in word.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        let segment = if is_path { segment.split(';').next().unwrap_or_default() } else { segment };
        push_segment(segment, is_path, out);
    }
}

/// Cuts at the first `?` behind a `/`; one behind `(` belongs to a pattern, as in Django's `(?P<id>..)`.
fn without_query(word: &str) -> &str {
    let Some(slash) = word.find('/') else { return word };
    let is_query = |(at, _): &(usize, &str)| *at > slash && !word[..*at].ends_with('(');
    match word.match_indices('?').find(is_query) {
        Some((at, _)) => &word[..at],
        None => word,
    }
}

fn push_segment(segment: &str, is_path: bool, out: &mut String) {
    let is_pattern = segment.starts_with(':') && segment[1..].starts_with(|c: char| c.is_ascii_alphabetic());
    if is_pattern || segment == "*" {
        out.push_str(segment);
    } else if is_whole_id(segment, is_path) {
        out.push_str(PLACEHOLDER);
    } else {
        push_tokens(segment, out);
    }
}

/// Is all of the segment one id, its punctuation included?
fn is_whole_id(segment: &str, is_path: bool) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let is_number = digits > 0
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b':' | b'-' | b'+'));
    if is_number && is_path {
        return !is_version(segment);
    }
    (is_number && digits >= MIN_DIGITS && !segment.starts_with(':'))
        || segment.parse::<Ipv4Addr>().is_ok()
        || (segment.contains("::") || segment.matches(':').count() == 7)
            && segment.parse::<Ipv6Addr>().is_ok()
        || is_email(segment)
        || is_opaque_with_dashes(segment)
}

/// `1.0`, `2.11`: one dot and short numbers, as in `/api/1.0/users`.
fn is_version(segment: &str) -> bool {
    let is_short = |part: &str| matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit());
    segment.split_once('.').is_some_and(|(major, minor)| is_short(major) && is_short(minor))
}

fn is_email(segment: &str) -> bool {
    let parts = segment.split_once('@').or_else(|| segment.split_once("%40"));
    let is_plain = |part: &str| !part.is_empty() && !part.contains(['@', '{', '}', ':', '(', '<']);
    parts.is_some_and(|(user, host)| is_plain(user) && is_plain(host) && host.contains('.'))
}

/// Base64url, whose alphabet has the `-` and `_` at which tokens end: each of its parts is as random as the whole.
fn is_opaque_with_dashes(segment: &str) -> bool {
    let has = |class: fn(&u8) -> bool| segment.as_bytes().iter().any(class);
    segment.len() >= MIN_OPAQUE
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && segment.trim_end_matches('=').split(['-', '_']).all(|part| part.len() <= 2 || has_short_runs(part))
}

fn push_tokens(segment: &str, out: &mut String) {
    let mut rest = segment;
    let mut after = None;
    while let Some(first) = rest.chars().next() {
        let length = unit_length(rest).unwrap_or_else(|| match rest.find(is_boundary) {
            Some(0) => first.len_utf8(),
            found => found.unwrap_or(rest.len()),
        });
        let (token, tail) = rest.split_at(length);
        out.push_str(if is_id(token, after) { PLACEHOLDER } else { token });
        after = token.chars().next_back();
        rest = tail;
    }
}

/// Length of a placeholder or UUID at the start: both contain characters at which tokens end.
fn unit_length(rest: &str) -> Option<usize> {
    let close = match rest.as_bytes()[0] {
        b'{' => '}',
        b'<' => '>',
        b'[' => ']',
        _ => return rest.get(..UUID_LENGTH).filter(|start| is_uuid(start)).map(str::len),
    };
    let is_placeholder = |inner: &str| {
        !inner.is_empty() && inner.starts_with(|c: char| c.is_alphabetic() || matches!(c, '.' | '*' | '_'))
    };
    rest.find(close).filter(|end| is_placeholder(&rest[1..*end])).map(|end| end + 1)
}

fn is_boundary(c: char) -> bool {
    c.is_ascii_punctuation() && c != '%'
}

fn is_uuid(text: &str) -> bool {
    text.len() == UUID_LENGTH
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Is a token an id? `after` is the character before it.
fn is_id(token: &str, after: Option<char>) -> bool {
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return false;
    }
    if digits == token.len() {
        return digits >= if after == Some(':') { MIN_DIGITS_AFTER_COLON } else { MIN_DIGITS };
    }
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_uuid(token)
        || (token.len() >= MIN_HEX && is_hex(token))
        || token.strip_prefix("0x").is_some_and(|hex| hex.len() >= MIN_DIGITS && is_hex(hex))
        || is_opaque(token)
}

/// Does it read like random letters and digits?
fn is_opaque(token: &str) -> bool {
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let is_long = token.len() >= MIN_OPAQUE || token.len() >= MIN_OPAQUE_WITH_DIGITS && digits >= 3;
    digits > 0 && is_long && has_short_runs(token)
}

/// Names are made of words: `handleOAuth2Callback` has runs of more than three characters on average, random text has
/// shorter ones. A run is a camel-case word or a number.
fn has_short_runs(token: &str) -> bool {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        _ => 2,
    };
    let is_turn = |pair: &&[u8]| {
        let (from, to) = (class(pair[0]), class(pair[1]));
        from != to && (from, to) != (2, 1)
    };
    let runs = 1 + token.as_bytes().windows(2).filter(is_turn).count();
    token.bytes().all(|byte| byte.is_ascii_alphanumeric()) && token.len() < 3 * runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_become_placeholders() {
        let table = [
            ("/users/123", "/users/{id}"),
            ("/users/5/orders/7", "/users/{id}/orders/{id}"),
            ("GET /users/123?full=1", "GET /users/{id}"),
            ("GET /a/b?x=1 HTTP", "GET /a/b HTTP"),
            ("/cart;jsessionid=0A1B2C3D/items;v=1", "/cart/items"),
            ("http://shop:8080/items/42?q=1", "http://shop:8080/items/{id}"),
            ("/x/550e8400-e29b-41d4-a716-446655440000", "/x/{id}"),
            ("/x/file-550E8400-E29B-41D4-A716-446655440000.pdf", "/x/file-{id}.pdf"),
            ("/blob/9f86d081884c7d659a2feaa0c55ad015", "/blob/{id}"),
            ("commit deadbee1", "commit {id}"),
            ("/o/507f1f77bcf86cd799439011", "/o/{id}"),
            ("/u/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/u/{id}"),
            ("/c/cus_9s6XKzkNRiz8i3", "/c/cus_{id}"),
            ("/c/cjld2cjxh0000qzrmn831i7rn", "/c/{id}"),
            ("/t/JzTY20BRgKO-HjmUJj0wLg", "/t/{id}"),
            ("/mail/jane.doe@example.com/inbox", "/mail/{id}/inbox"),
            ("/mail/jane%40example.com", "/mail/{id}"),
            ("/hosts/10.0.0.17", "/hosts/{id}"),
            ("ping 192.168.1.1", "ping {id}"),
            ("ping 192.168.1.1:8080", "ping {id}"),
            ("ping fe80::1ff:fe23:4567:890a", "ping {id}"),
            ("/days/2024-01-02", "/days/{id}"),
            ("report 2024-01-02", "report {id}"),
            ("job-20240102", "job-{id}"),
            ("job_20240102_retry", "job_{id}_retry"),
            ("process order 918273", "process order {id}"),
            ("at 0x7fff5fbf", "at {id}"),
            ("/npm/react/18.2.0", "/npm/react/{id}"),
            ("/pos/-12.5,48.1", "/pos/{id}"),
        ];
        for (name, expected) in table {
            assert_eq!(template(name), expected);
        }
    }

    #[test]
    fn names_stay() {
        let table = [
            "",
            "/",
            "GET",
            "GET /users/{id}",
            "GET /users/:id/posts/:postId2",
            "/users/<int:id>/x",
            "/users/[id2]/x",
            "/files/{path:*}",
            "/users/{userId2}/v1",
            "/api/v1/users",
            "/api2/users",
            "/api/1.0/users",
            "ipv4",
            "utf8",
            "sha256",
            "oauth2/token",
            "HTTP 200",
            "HTTP/1.1",
            "S3.PutObject",
            "EC2DescribeInstances",
            "handleOAuth2CallbackV2Request",
            "PaymentServiceV2HandlerImpl",
            "getV1API2Users",
            "/api/v1/travelservice/trips/left",
            "SELECT train_order.orders",
            "SELECT * FROM t WHERE a = ?",
            "hipstershop.CartService/GetCart",
            "com.acme.Job$1.run",
            "localhost:8080",
            "orders-dlq-1",
            "<default> send",
            "api/users#show",
            "@scope/package",
            "/x/PRODUCT-list-v2-ab-c",
            "/x/EU-West-1-Order-Queue-A",
            "grüße an März",
            "^users/(?P<pk>[0-9]+)/$",
        ];
        for name in table {
            assert_eq!(template(name), name);
        }
    }

    #[test]
    fn cut_respects_characters() {
        assert_eq!(cut("grüße", 3), "gr");
        assert_eq!(cut("grüße", 4), "grü");
        assert_eq!(cut("ab", 256), "ab");
        assert_eq!(cut("ab", 0), "");
    }

    proptest! {
        #[test]
        fn a_template_is_its_own_template(
            name in prop_oneof![
                "\\PC{0,60}",
                "[a-fA-F0-9/?;:@.,{}<>()%_=+ \\[\\]-]{0,60}",
                "((GET|/|[a-z]{1,8}|[0-9]{1,9}|[0-9a-f]{8}|[A-Za-z0-9_-]{16,30}|\\{id\\}|[?;:@%., -])){0,12}",
            ]
        ) {
            let once = template(&name).into_owned();
            prop_assert_eq!(template(&once), once.as_str());
        }

        #[test]
        fn numbers_in_paths_are_one_name(a in any::<u64>(), b in any::<u64>()) {
            let (first, second) = (format!("/x/{a}/y"), format!("/x/{b}/y"));
            prop_assert_eq!(template(&first), template(&second));
        }
    }
}
