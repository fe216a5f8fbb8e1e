//! Progress on the terminal: a spinner with a text, and bars by bytes or by count. At most one is shown at a time, below all other
//! output. A bar appears only after a second.

use std::borrow::Cow;
use std::future::Future;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::sleep;

/// The time after which a bar appears.
pub(super) const SHOW_AFTER: Duration = Duration::from_secs(1);
/// The interval at which the spinner turns.
const SPINNER_INTERVAL: Duration = Duration::from_millis(120);
const SPINNER: &str = "{spinner} {wide_msg}";
const COUNT: &str = "{spinner} {msg}: {human_pos}";
const COUNT_OF: &str = "{msg} [{bar:30}] {human_pos}/{human_len} ({eta} left)";
const BYTES: &str = "{spinner} {msg}: {binary_bytes} ({binary_bytes_per_sec})";
const BYTES_OF: &str = "{msg} [{bar:30}] {binary_bytes}/{binary_total_bytes} ({binary_bytes_per_sec}, {eta} left)";

/// The unit of what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Things, for example instances.
    Count,
    /// Bytes, shown in KiB, MiB and so on.
    #[cfg_attr(not(test), expect(dead_code, reason = "for copying files"))]
    Bytes,
}

/// The one progress line of the process: whatever else writes to standard error, it writes above it.
static LINE: LazyLock<ProgressLine> = LazyLock::new(ProgressLine::default);

/// Returns the one progress line of the process.
pub(super) fn line() -> ProgressLine {
    LINE.clone()
}

/// The place where the progress is shown.
#[derive(Clone, Debug, Default)]
pub(super) struct ProgressLine {
    shown: Arc<Mutex<Option<ProgressBar>>>,
}

/// A bar that is shown while [`Progress::watch`] waits for work of more than a second.
#[derive(Debug)]
pub(crate) struct Progress {
    line: ProgressLine,
    bar: ProgressBar,
    visible: bool,
}

impl ProgressLine {
    /// Shows a text with a spinner, in place of the previous one.
    pub(super) fn spin(&self, text: String) {
        let mut shown = self.lock();
        if let Some(bar) = shown.as_ref() {
            return bar.set_message(text);
        }
        *shown = Some(appear(&ProgressBar::no_length().with_style(style(SPINNER)).with_message(text)));
    }

    /// Writes other output above the progress line. Never waits: the report of a panic comes through here, too.
    pub(super) fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        match self.shown.try_lock().ok().as_deref() {
            Some(Some(bar)) => bar.suspend(write),
            _ => write(),
        }
    }

    /// Whether there is a progress line.
    pub(super) fn is_shown(&self) -> bool {
        self.lock().is_some()
    }

    /// Removes the progress line.
    pub(super) fn clear(&self) {
        if let Ok(Some(bar)) = self.shown.try_lock().map(|mut shown| shown.take()) {
            bar.finish_and_clear();
        }
    }

    /// Makes a bar; `total` is in the unit, if it is known. An invisible one is never shown.
    pub(super) fn progress(
        &self,
        label: impl Into<Cow<'static, str>>,
        unit: Unit,
        total: Option<u64>,
        visible: bool,
    ) -> Progress {
        let template = match (unit, total) {
            (Unit::Count, None) => COUNT,
            (Unit::Count, Some(_)) => COUNT_OF,
            (Unit::Bytes, None) => BYTES,
            (Unit::Bytes, Some(_)) => BYTES_OF,
        };
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        Progress { line: self.clone(), bar: bar.with_style(style(template)).with_message(label), visible }
    }

    fn lock(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Sets how much is done, in the unit of the bar.
    pub(crate) fn set(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// Waits for the work, and shows the bar as soon as that takes over a second.
    pub(crate) async fn watch<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        tokio::select! {
            biased;
            result = &mut work => return result,
            () = sleep(SHOW_AFTER) => {}
        }
        if self.visible {
            *self.line.lock() = Some(appear(&self.bar));
        }
        let result = work.await;
        self.line.clear();
        result
    }
}

fn appear(bar: &ProgressBar) -> ProgressBar {
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.enable_steady_tick(SPINNER_INTERVAL);
    bar.clone()
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid").progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_valid() {
        for (unit, total) in [(Unit::Count, None), (Unit::Count, Some(3)), (Unit::Bytes, None), (Unit::Bytes, Some(3))]
        {
            let progress = ProgressLine::default().progress("reading", unit, total, false);
            progress.set(2);
            assert_eq!((progress.bar.position(), progress.bar.length()), (2, total));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bar_appears_after_a_second() {
        let line = ProgressLine::default();
        let is_shown = || line.lock().is_some();
        let progress = line.progress("reading", Unit::Count, None, true);
        let quick = progress.watch(async {
            sleep(Duration::from_millis(900)).await;
            is_shown()
        });
        assert!(!quick.await);
        let slow = progress.watch(async {
            sleep(Duration::from_millis(1100)).await;
            is_shown()
        });
        assert!(slow.await);
        assert!(!is_shown());
        let invisible = line.progress("reading", Unit::Count, None, false);
        let slow = invisible.watch(async {
            sleep(Duration::from_secs(5)).await;
            is_shown()
        });
        assert!(!slow.await);
    }

    #[test]
    fn spinner_keeps_one_line() {
        let line = ProgressLine::default();
        line.spin("waiting (2 s)".to_owned());
        line.spin("waiting (4 s)".to_owned());
        assert_eq!(line.lock().as_ref().map(ProgressBar::message).as_deref(), Some("waiting (4 s)"));
        let mut written = false;
        line.above(|| written = true);
        line.clear();
        assert!(written && line.lock().is_none());
    }
}
