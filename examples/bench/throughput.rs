//! Measures the throughput of a session in both directions, by each route and at both distances, with ssh in the same
//! run. The data is random: Session Manager's route is compressed.

use std::fs::File;
use std::io::{BufReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::figures::{median, table};
use crate::setup::{Distance, Setup, with_other_build};

const ROUNDS: usize = 3;
/// Uploads by Session Manager are paced to 1 MB/s.
const PACED_MEGABYTES: u64 = 4;

/// A measured command and its results.
struct Case {
    name: String,
    /// The command line, up to the remote command.
    line: String,
    down: Vec<f64>,
    up: Vec<f64>,
}

pub(crate) fn run() {
    measure("no delay", Distance::NONE, 400);
    measure("80 ms round trip", Distance { call: Duration::ZERO, ..Distance::FAR }, 150);
}

fn measure(name: &str, distance: Distance, megabytes: u64) {
    let setup = Setup::new(distance, Duration::ZERO);
    let random = File::open("/dev/urandom").unwrap().take(megabytes * 1_000_000);
    std::io::copy(&mut BufReader::with_capacity(1 << 20, random), &mut File::create(setup.path("input")).unwrap())
        .unwrap();
    let case = |name: &str, line| Case { name: name.to_owned(), line, down: Vec::new(), up: Vec::new() };
    let mut cases = vec![
        case("ssh", setup.ssh("filed", "")),
        case("ec2ssh, direct", setup.ec2ssh("my-instance ")),
        case("ec2ssh, EICE", Setup::ec2ssh_by_tunnel("--via eice my-instance ")),
        case("ec2ssh, Session Manager", Setup::ec2ssh_by_tunnel("--via ssm my-instance ")),
    ];
    let others = cases.iter().skip(1).filter_map(|this| {
        let name = this.name.replace("ec2ssh", "the other ec2ssh");
        Some(Case { name, line: with_other_build(&this.line)?, down: Vec::new(), up: Vec::new() })
    });
    cases.extend(others.collect::<Vec<_>>());
    if let Ok(only) = std::env::var("ONLY") {
        cases.retain(|case| case.name == "ssh" || case.name.contains(&only));
    }
    for case in &cases {
        setup.run(&format!("{}true", case.line));
    }
    for _ in 0..ROUNDS {
        for case in &mut cases {
            case.down.push(down(&setup, &case.line, megabytes));
            let is_paced = case.line.contains("--via ssm");
            case.up.push(up(&setup, &case.line, if is_paced { PACED_MEGABYTES } else { megabytes }));
        }
    }
    let floor = (median(&cases[0].down), median(&cases[0].up));
    let row = |case: &Case| {
        let (down, up) = (median(&case.down), median(&case.up));
        vec![
            case.name.clone(),
            format!("{down:.0}"),
            format!("{up:.0}"),
            format!("{:.2}", down / floor.0),
            format!("{:.2}", up / floor.1),
        ]
    };
    table(
        &format!("Throughput, MB/s, {megabytes} MB: {name}"),
        &["", "down", "up", "down to ssh", "up to ssh"],
        &cases.iter().map(row).collect::<Vec<_>>(),
    );
}

/// Returns the throughput of standard output in MB/s. The start of the session is included for every command.
fn down(setup: &Setup, line: &str, megabytes: u64) -> f64 {
    let remote = format!("head -c {megabytes}000000 {}", setup.path("input").display());
    let mut words = line.split_whitespace();
    let mut command = setup.command(words.next().unwrap());
    command.args(words).arg(remote).stdout(Stdio::null());
    rate(&mut command, megabytes)
}

/// Returns the throughput of standard input in MB/s.
fn up(setup: &Setup, line: &str, megabytes: u64) -> f64 {
    let mut words = line.split_whitespace();
    let mut command = setup.command(words.next().unwrap());
    let remote = format!("head -c {megabytes}000000 >/dev/null");
    command.args(words).arg(remote).stdin(File::open(setup.path("input")).unwrap()).stdout(Stdio::null());
    rate(&mut command, megabytes)
}

#[allow(clippy::cast_precision_loss, reason = "megabytes are few")]
fn rate(command: &mut std::process::Command, megabytes: u64) -> f64 {
    let begun = Instant::now();
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
    megabytes as f64 / begun.elapsed().as_secs_f64()
}
