//! Announces the end of a tunnel whose duration the service limits.

use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use crate::event::{Event, Events};

/// The time between the announcement and the end.
const ANNOUNCEMENT_LEAD: Duration = Duration::from_secs(300);

/// Announces the end of a tunnel of `limit` seconds while there is time left. Dropping the handle cancels it.
pub(super) fn announce(limit: u32, events: &Events) -> AbortOnDropHandle<()> {
    let events = events.clone();
    let (wait, text) = announcement(limit);
    AbortOnDropHandle::new(tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        events(Event::Ending(text));
    }))
}

/// Returns when to announce the end of a tunnel of `limit` seconds, and the text.
fn announcement(limit: u32) -> (Duration, String) {
    let limit = Duration::from_secs(limit.into());
    // A short tunnel is announced halfway: what is replaced at the announcement must not be replaced at once.
    let left = (limit / 2).min(ANNOUNCEMENT_LEAD).as_secs().max(1);
    let left_in_words = if left < 120 { format!("{left} s") } else { format!("{} minutes", left / 60) };
    let text = format!(
        "This connection ends in {left_in_words}: a tunnel through an EC2 Instance Connect Endpoint lasts {} s at most.",
        limit.as_secs()
    );
    (limit - Duration::from_secs(left), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_is_announced_while_there_is_time_left() {
        let (wait, text) = announcement(3600);
        assert_eq!(wait, Duration::from_secs(3300));
        let limit = "a tunnel through an EC2 Instance Connect Endpoint lasts 3600 s at most.";
        assert_eq!(text, format!("This connection ends in 5 minutes: {limit}"));
        assert_eq!(announcement(420).0, Duration::from_secs(210));
        let (wait, text) = announcement(3);
        assert!(wait.as_secs() == 2 && text.starts_with("This connection ends in 1 s:"), "{text}");
    }
}
