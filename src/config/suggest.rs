//! The known name nearest to one that is not known.

/// The key of `known` that was most likely meant by `wanted`; nothing where none is near.
///
/// The same name in another section wins over a similar one; of names with more than two parts (entries of a map)
/// the first two count.
pub(super) fn nearest<'a>(wanted: &str, known: &'a [String]) -> Option<&'a str> {
    let wanted = match wanted.match_indices('.').nth(1) {
        Some((end, _)) => &wanted[..end],
        None => wanted,
    };
    let name = last_part(wanted);
    let distance = |key: &&String| strsim::osa_distance(wanted, key);
    let same_name = known.iter().filter(|key| last_part(key) == name).min_by_key(distance);
    let similar = || {
        let near = known.iter().filter(|key| distance(key) <= 2.max(wanted.len() / 5));
        near.min_by_key(distance)
    };
    same_name.or_else(similar).map(String::as_str)
}

fn last_part(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(_, name)| name)
}
