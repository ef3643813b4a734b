//! How much a flow matters: `GLOB=WEIGHT` over `service/flow`, as `*/POST /checkout*=3`.

/// Thousandths of the usual weight.
const PERMILLE: f64 = 1_000.0;

/// The glob and the weight in thousandths, 1 (0.001) to 1,000,000 (1000); nothing where the text is no such pair.
pub fn parse_tier(text: &str) -> Option<(&str, u32)> {
    // Globs may hold `=`, weights do not.
    let (glob, weight) = text.rsplit_once('=')?;
    let permille = (weight.trim().parse::<f64>().ok()? * PERMILLE).round();
    let is_in_range = (1.0..=1_000.0 * PERMILLE).contains(&permille);
    (is_in_range && !glob.trim().is_empty()).then_some((glob.trim(), permille as u32))
}

#[cfg(test)]
mod tests {
    use super::parse_tier;

    #[test]
    fn tiers_are_a_glob_and_a_weight() {
        for (text, expected) in [
            ("*/POST /checkout*=3", Some(("*/POST /checkout*", 3_000))),
            ("web/GET /a?b=c = 0.25", Some(("web/GET /a?b=c", 250))),
            ("*=1000", Some(("*", 1_000_000))),
            ("*=1001", None),
            ("*=0", None),
            ("*=-1", None),
            ("*=NaN", None),
            ("*/GET /a", None),
            ("=2", None),
        ] {
            assert_eq!(parse_tier(text), expected, "{text}");
        }
    }
}
