//! Measures how long output goes on after Ctrl-C, over a slow line, and how much of it there is.

use std::time::Duration;

use crate::figures::{median, table};
use crate::setup::{Distance, Setup};
use crate::typing::Terminal;

/// The rate of the slow line, in bytes per second.
const RATE: u32 = 100_000;
const ROUND_TRIP: Duration = Duration::from_millis(80);
/// Output without an end, which the remote shell's Ctrl-C ends.
const OUTPUT: &str = "yes 0123456789012345678901234567890123456789012345678901234567890123456789";
const RUNS: usize = 3;
/// The time after which the line is full of output.
const FILLING: Duration = Duration::from_secs(8);

pub(crate) fn run() {
    let setup = Setup::new(Distance::NONE, Duration::ZERO);
    let slow = setup.cloud.slow_relay(setup.sshd.port, ROUND_TRIP, RATE);
    let known = setup.path(".ssh/known_hosts");
    let text = std::fs::read_to_string(&known).unwrap();
    let again = text.replace(&format!(":{} ", setup.port), &format!(":{slow} "));
    std::fs::write(&known, text + &again).unwrap();
    let at = |line: String| line.replace(&format!("-p {}", setup.port), &format!("-p {slow}"));
    setup.run(&setup.ec2ssh("my-instance true"));
    setup.run(&Setup::ec2ssh_by_tunnel("--via ssm my-instance true"));
    let lines = [
        ("ssh, 100 kB/s and 80 ms", at(setup.ssh("filed", "")).replacen(" -F ", " -tt -F ", 1)),
        ("ec2ssh, 100 kB/s and 80 ms", at(setup.ec2ssh("-t --host-keys accept-new my-instance"))),
        ("ec2ssh, Session Manager", Setup::ec2ssh_by_tunnel("-t --via ssm my-instance")),
    ];
    let mut rows = Vec::new();
    for (name, line) in lines {
        let all: Vec<(f64, f64)> = (0..RUNS).map(|_| measure(&setup, &line)).collect();
        let seconds: Vec<f64> = all.iter().map(|one| one.0).collect();
        let kilobytes: Vec<f64> = all.iter().map(|one| one.1).collect();
        rows.push(vec![name.to_owned(), format!("{:.2}", median(&seconds)), format!("{:.0}", median(&kilobytes))]);
    }
    table("Output after Ctrl-C", &["", "goes on for, s", "of it, kB"], &rows);
}

/// Returns the seconds from Ctrl-C to the end of the session, and the kilobytes that arrive in them.
fn measure(setup: &Setup, line: &str) -> (f64, f64) {
    let mut terminal = Terminal::run(setup, &format!("{line} '{OUTPUT}'"));
    std::thread::sleep(FILLING);
    terminal.interrupt()
}
