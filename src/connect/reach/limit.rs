//! A tunnel's time is limited: its end is announced.

use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use crate::connect::{Event, Events};

/// A tunnel's end is announced so long before.
const ANNOUNCED: Duration = Duration::from_secs(300);

/// A tunnel ends after its time, whatever goes on in it: that is said while there is time left.
pub fn announce(limit: u32, events: &Events) -> AbortOnDropHandle<()> {
    let events = events.clone();
    let (wait, text) = announcement(limit);
    AbortOnDropHandle::new(tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        events(Event::Notice(text));
    }))
}

/// When to say that a tunnel of so many seconds is about to end, and how.
pub fn announcement(limit: u32) -> (Duration, String) {
    let limit = Duration::from_secs(limit.into());
    let left = limit.min(ANNOUNCED).as_secs();
    let left_in_words = if left < 120 { format!("{left} s") } else { format!("{} minutes", left / 60) };
    let text = format!(
        "This connection ends in {left_in_words}: a tunnel through an endpoint lasts {} s at most.",
        limit.as_secs()
    );
    (limit - Duration::from_secs(left), text)
}
