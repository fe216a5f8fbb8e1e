//! The difference between this machine's clock and AWS's, known from the `Date` of responses.
//!
//! AWS refuses a signature whose time is more than 5 minutes from its own
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>). The SDK corrects the time of its calls
//! after the first refusal; [`Clock`] corrects it for the signed addresses of websockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::when;

/// Differences below this are left alone: a response may have been on its way for a while.
const SMALLEST_SKEW: i64 = 4 * 60;

/// The codes by which services refuse a signature for its time, among other reasons.
const SIGNATURE_CODES: &[&str] = &[
    "AuthFailure",
    "IncompleteSignature",
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];

/// The clock of the services, as far as it is known. Clones share their state.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock(Arc<AtomicI64>);

impl Clock {
    /// Notes the `Date` of a response.
    pub(super) fn note(&self, date: Option<&str>) {
        if let Some(skew) = date.and_then(skew_of) {
            self.0.store(skew, Ordering::Relaxed);
        }
    }

    /// Returns the time by the services' clock.
    pub(super) fn now(&self) -> SystemTime {
        let skew = self.0.load(Ordering::Relaxed);
        let (now, difference) = (when::system_time(), Duration::from_secs(skew.unsigned_abs()));
        let corrected = if skew < 0 { now.checked_sub(difference) } else { now.checked_add(difference) };
        corrected.unwrap_or(now)
    }
}

/// Returns how far this machine's clock is behind the `Date` of a response, in seconds; 0 for a small difference.
fn skew_of(date: &str) -> Option<i64> {
    let theirs = DateTime::from_str(date, Format::HttpDate).ok()?;
    let skew = theirs.secs().saturating_sub(when::now());
    Some(if skew.saturating_abs() < SMALLEST_SKEW { 0 } else { skew })
}

/// Returns how far this machine's clock is behind, if that is why a service refused a signature.
pub(super) fn refusing_skew(code: &str, message: &str, date: Option<&str>) -> Option<i64> {
    let is_signature = SIGNATURE_CODES.contains(&code)
        || ["Signature expired", "Signature not yet current"].iter().any(|text| message.contains(text));
    date.filter(|_| is_signature).and_then(skew_of).filter(|skew| *skew != 0)
}

/// Returns the difference in words, for errors: `this machine's clock is 2 h behind AWS's`.
pub(super) fn clock_error(seconds: i64) -> String {
    let direction = if seconds < 0 { "ahead of" } else { "behind" };
    let minutes = seconds.unsigned_abs().saturating_add(30) / 60;
    let amount = match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, _) if hours >= 48 => format!("{} days", hours / 24),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    };
    format!("this machine's clock is {amount} {direction} AWS's")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(seconds: i64) -> String {
        DateTime::from_secs(when::now() + seconds).fmt(Format::HttpDate).unwrap()
    }

    #[test]
    fn difference_is_said_in_words() {
        let table = [
            (7200, "2 h behind"),
            (-7200, "2 h ahead of"),
            (7190, "2 h behind"),
            (600, "10 min behind"),
            (-5400, "1 h 30 min ahead of"),
            (365 * 86_400, "365 days behind"),
            (i64::MIN, "106751991167300 days ahead of"),
        ];
        for (seconds, words) in table {
            assert_eq!(clock_error(seconds), format!("this machine's clock is {words} AWS's"));
        }
    }

    #[test]
    fn only_signatures_are_refused_for_the_clock() {
        let late = date(7200);
        let skew = |code, message, date: &str| refusing_skew(code, message, Some(date));
        assert!(skew("RequestExpired", "", &late).is_some_and(|skew| (7198..=7200).contains(&skew)));
        assert!(skew("AccessDeniedException", "Signature expired: 2026", &late).is_some());
        assert_eq!(skew("UnauthorizedOperation", "not allowed", &late), None);
        assert_eq!(skew("RequestExpired", "", &date(60)), None);
        assert_eq!(skew("RequestExpired", "", "yesterday"), None);
        assert_eq!(refusing_skew("RequestExpired", "", None), None);
    }

    #[test]
    fn noted_difference_corrects_the_time() {
        let clock = Clock::default();
        let ahead = |clock: &Clock| clock.now().duration_since(when::system_time()).unwrap_or_default().as_secs();
        clock.note(Some(&date(60)));
        assert_eq!(ahead(&clock), 0);
        clock.note(Some(&date(7200)));
        assert!((7198..=7200).contains(&ahead(&clock)), "{}", ahead(&clock));
        clock.note(None);
        assert!(ahead(&clock) > 7000);
    }
}
