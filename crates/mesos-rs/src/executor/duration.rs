//! Lengths of time as Mesos writes them: `500ms`, `2secs`, `1.5weeks`.

use std::time::Duration;

/// None if it is no length of time.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "secs" => 1.0,
        "mins" => 60.0,
        "hrs" => 3600.0,
        "days" => 86400.0,
        "weeks" => 604_800.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_units_are_known() {
        for (text, expected) in [
            ("5secs", Some(Duration::from_secs(5))),
            ("500ms", Some(Duration::from_millis(500))),
            ("1.5weeks", Some(Duration::from_secs(907_200))),
            ("15mins", Some(Duration::from_secs(900))),
            ("0ns", Some(Duration::ZERO)),
            ("2hrs", Some(Duration::from_secs(7200))),
            ("-1secs", None),
            ("5", None),
            ("5parsecs", None),
            ("secs", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
