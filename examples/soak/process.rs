//! Runs ec2ssh with a time limit, and reads its memory and descriptors.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Outcome;

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How a process ended.
pub(crate) struct Ended {
    /// The exit status; `None` after a signal or the time limit.
    pub code: Option<i32>,
    pub timed_out: bool,
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub took: Duration,
    /// The peak of the resident memory, in MB.
    pub peak: u64,
}

/// Starts a command line without quoting; the streams are pipes.
pub(crate) fn start(mut command: Command, line: &str) -> Child {
    command.args(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits for the end of a process, and kills it at the time limit.
pub(crate) fn end(mut child: Child, limit: Duration) -> Ended {
    let begun = Instant::now();
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let (mut peak, mut timed_out) = (0, false);
    let status = loop {
        peak = peak.max(status_field(child.id(), "VmHWM"));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > limit {
            timed_out = true;
            let _ = child.kill();
        }
        std::thread::sleep(POLL_INTERVAL);
    };
    let stderr = String::from_utf8_lossy(&stderr.join().unwrap()).into_owned();
    let took = begun.elapsed();
    Ended { code: status.code(), timed_out, stdout: stdout.join().unwrap(), stderr, took, peak: peak / 1024 }
}

/// Reads a pipe beside the process, so that it never has to wait.
fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut all));
        all
    })
}

/// Returns a figure of a process in kB; 0 once it has ended.
fn status_field(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok()).unwrap_or_default()
}

/// The resident memory in kB and the number of open descriptors of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    pub memory: u64,
    pub descriptors: usize,
}

impl Footprint {
    pub(crate) fn of(pid: u32) -> Self {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Self { memory: status_field(pid, "VmRSS"), descriptors }
    }

    /// Compares with an earlier one: a process that does the same all the time must not grow.
    pub(crate) fn after(self, before: Self) -> Outcome {
        let text = format!(
            "{:.1} MB and {} descriptors at first, {:.1} MB and {} at last",
            megabytes(before.memory),
            before.descriptors,
            megabytes(self.memory),
            self.descriptors
        );
        let has_grown = self.memory > before.memory + before.memory / 4 || self.descriptors > before.descriptors;
        if has_grown { Err(text) } else { Ok(text) }
    }
}

#[allow(clippy::cast_precision_loss, reason = "for display")]
fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 * 1.024 / 1000.0
}

/// Returns the ids of the processes whose environment has this home folder: the sessions of a trial, their agents and key holders.
pub(crate) fn of_home(home: &str) -> Vec<u32> {
    let wanted = format!("HOME={home}");
    let has_home = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    let is_ours =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("ec2ssh"));
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| is_ours(pid) && has_home(pid)).collect()
}

/// Waits until a condition holds; false after the time limit.
pub(crate) fn comes_true(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !condition() {
        if begun.elapsed() > limit {
            return false;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    true
}
