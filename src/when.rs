//! The one wall clock, and points in time formatted for people. Nothing else reads the system's time; durations are measured with
//! `Instant`.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// Formats seconds since the Unix epoch as `2026-11-23 12:00Z`; empty if the date is out of range.
pub(crate) fn utc(seconds: i64) -> String {
    match OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(at) => {
            let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
            format!("{year:04}-{month:02}-{day:02} {:02}:{:02}Z", at.hour(), at.minute())
        }
        Err(_) => String::new(),
    }
}

/// Formats the time between two points in its largest useful unit: `45s`, `12m`, `5h`, `3d`.
pub(crate) fn age(now: i64, then: i64) -> String {
    match now.saturating_sub(then).max(0) {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Returns the date in UTC: `2026-11-23`.
pub(crate) fn today() -> String {
    let now = OffsetDateTime::now_utc();
    format!("{:04}-{:02}-{:02}", now.year(), u8::from(now.month()), now.day())
}

/// Returns the system's time.
pub(crate) fn system_time() -> SystemTime {
    SystemTime::now()
}

/// Returns the milliseconds since the Unix epoch.
pub(crate) fn unix_milliseconds() -> u64 {
    let since = system_time().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

/// Returns the seconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}
