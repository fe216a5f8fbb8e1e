//! Bytes a second through a session, in both directions, by each route and at both distances; ssh in the same run.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::figures::{median, table};
use crate::place::{Distance, Place};

const ROUNDS: usize = 3;

/// One way of carrying bytes.
struct Way {
    name: &'static str,
    /// The command line, up to the remote command.
    line: String,
    down: Vec<f64>,
    up: Vec<f64>,
}

pub fn run() {
    measure("no delay", Distance::NONE, 400);
    measure("80 ms round trip", Distance { call: Duration::ZERO, ..Distance::FAR }, 150);
}

fn measure(name: &str, distance: Distance, megabytes: u64) {
    let place = Place::new(distance, Duration::ZERO);
    File::create(place.path("input")).unwrap().set_len(megabytes * 1_000_000).unwrap();
    let way = |name, line| Way { name, line, down: Vec::new(), up: Vec::new() };
    let mut ways = vec![
        way("ssh", place.ssh("filed", "")),
        way("ec2ssh, direct", place.ec2ssh("my-instance ")),
        way("ec2ssh, endpoint", Place::ec2ssh_by_tunnel("--via eice my-instance ")),
        way("ec2ssh, Session Manager", Place::ec2ssh_by_tunnel("--via ssm my-instance ")),
    ];
    if let Ok(only) = std::env::var("ONLY") {
        ways.retain(|way| way.name == "ssh" || way.name.contains(&only));
    }
    for way in &ways {
        place.run(&format!("{}true", way.line));
    }
    for _ in 0..ROUNDS {
        for way in &mut ways {
            way.down.push(down(&place, &way.line, megabytes));
            way.up.push(up(&place, &way.line, megabytes));
        }
    }
    let floor = (median(&ways[0].down), median(&ways[0].up));
    let row = |way: &Way| {
        let (down, up) = (median(&way.down), median(&way.up));
        vec![
            way.name.to_owned(),
            format!("{down:.0}"),
            format!("{up:.0}"),
            format!("{:.2}", down / floor.0),
            format!("{:.2}", up / floor.1),
        ]
    };
    table(
        &format!("Throughput, MB/s, {megabytes} MB: {name}"),
        &["", "down", "up", "down to ssh", "up to ssh"],
        &ways.iter().map(row).collect::<Vec<_>>(),
    );
}

/// Standard output, in MB/s. The start of the session is in it, for all alike.
fn down(place: &Place, line: &str, megabytes: u64) -> f64 {
    let remote = format!("head -c {megabytes}000000 /dev/zero");
    let mut words = line.split_whitespace();
    let mut command = place.command(words.next().unwrap());
    command.args(words).arg(remote).stdout(Stdio::null());
    rate(&mut command, megabytes)
}

/// Standard input.
fn up(place: &Place, line: &str, megabytes: u64) -> f64 {
    let mut words = line.split_whitespace();
    let mut command = place.command(words.next().unwrap());
    command.args(words).arg("cat >/dev/null").stdin(File::open(place.path("input")).unwrap()).stdout(Stdio::null());
    rate(&mut command, megabytes)
}

#[allow(clippy::cast_precision_loss, reason = "megabytes are few")]
fn rate(command: &mut std::process::Command, megabytes: u64) -> f64 {
    let begun = Instant::now();
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
    megabytes as f64 / begun.elapsed().as_secs_f64()
}
