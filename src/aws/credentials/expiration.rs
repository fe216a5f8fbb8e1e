//! Reads the time at which credentials expire, in the forms that the AWS CLI accepts. Pure.

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// Reads a time of ISO 8601. A blank may stand for the T, the offset may have no colon, and a time without an offset is in UTC. The AWS
/// CLI itself writes `2026-11-26T08:30:00UTC`.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let text = text.trim().replacen(' ', "T", 1);
    let has_offset = text.split_once('T').is_some_and(|(_, time)| time.contains(['+', '-']));
    let normal = if let Some(time) = text.strip_suffix("UTC") {
        format!("{time}Z")
    } else if let Some((time, minutes)) = text.split_at_checked(text.len().saturating_sub(2)).filter(|_| has_offset) {
        format!("{}:{minutes}", time.trim_end_matches(':'))
    } else if text.ends_with(['Z', 'z']) {
        text
    } else {
        format!("{text}Z")
    };
    DateTime::from_str(&normal, Format::DateTimeWithOffset).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_aws_cli_does() {
        let expected = parse("2026-11-26T08:30:00Z").unwrap();
        for text in [
            "2026-11-26 08:30:00Z",
            "2026-11-26T08:30:00",
            "2026-11-26T08:30:00UTC",
            "2026-11-26T10:30:00+0200",
            "2026-11-26 03:30:00-05:00",
            "2026-11-26T08:30:00.000Z",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for text in ["", "soon", "2026-11-26", "-", "T+", "2026-11-26T08:30:00+0", "2026-11-26T08:30:00+\u{e4}00"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
