//! Time to `true`, by hyperfine. Each run begins with the pushed keys that it would find: its own, or none.

use std::fs;
use std::path::PathBuf;

use ec2ssh_lab::openssh::tool;

use crate::figures::{median, quantile, table};
use crate::place::{Distance, ID, LOOK_UP, Place};

/// hyperfine runs one command after the other: with rounds, what slows the machine for a while slows all of them.
const ROUNDS: usize = 3;

/// Who is measured.
struct Runner {
    name: &'static str,
    line: String,
    prepare: &'static str,
    times: Vec<f64>,
}

pub fn run() {
    let cases = [
        ("no delay", Distance::NONE),
        ("80 ms round trip, 80 ms per call", Distance::FAR),
        ("the same, the calls in TLS from 80 ms away", Distance { tls: true, ..Distance::FAR }),
    ];
    for (name, distance) in cases {
        measure(name, distance);
    }
}

fn measure(name: &str, distance: Distance) {
    let place = Place::new(distance, LOOK_UP);
    // What is known from the second time on.
    place.run(&place.ec2ssh("my-instance true"));
    let mut runners = runners(&place);
    for _ in 0..ROUNDS {
        round(&place, &mut runners);
    }
    let floor = median(&runners[0].times);
    let cli = runners.iter().find(|runner| runner.name.starts_with("AWS CLI")).map(|runner| median(&runner.times));
    let row = |runner: &Runner| {
        let middle = median(&runner.times);
        let range = format!("{:.0}..{:.0}", quantile(&runner.times, 0.1), quantile(&runner.times, 0.9));
        let to_cli = cli.map_or("-".to_owned(), |cli| format!("{:.2}", middle / cli));
        vec![runner.name.to_owned(), format!("{middle:.0}"), range, format!("{:.2}", middle / floor), to_cli]
    };
    table(
        &format!("Time to `true`: {name} (key look-up {} ms)", LOOK_UP.as_millis()),
        &["", "median, ms", "10..90 %", "to the floor", "to the AWS CLI"],
        &runners.iter().map(row).collect::<Vec<_>>(),
    );
}

fn runners(place: &Place) -> Vec<Runner> {
    let runner = |name, line, prepare| Runner { name, line, prepare, times: Vec::new() };
    let known = place.ec2ssh("my-instance true");
    let mut all = vec![
        runner("ssh, key pushed beforehand (the floor)", place.ssh("floor", "true"), "floor-key"),
        runner("ssh, key authorized by file", place.ssh("filed", "true"), "no-keys"),
        runner("ec2ssh, the instance known", known.clone(), "no-keys"),
        runner("ec2ssh, the first time ever", known, "nothing-known"),
    ];
    let other = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists());
    let (port, user) = (place.port, &place.sshd.user);
    if let Some(another) = other("OTHER_EC2SSH") {
        let line = format!("{} -q -p {port} my-instance true", another.display());
        all.push(runner("another ec2ssh, the instance known", line, "no-keys"));
    }
    if let Some(aws) = other("AWS_CLI") {
        let words = "ec2-instance-connect ssh --connection-type direct";
        let line = format!("{} {words} --instance-id {ID} --os-user {user} --ssh-port {port}", aws.display());
        all.push(runner("AWS CLI, ec2-instance-connect ssh", line, "no-keys"));
    }
    if let Some(mssh) = other("MSSH") {
        let line = format!("{} -r eu-west-1 -p {port} {user}@{ID}", mssh.display());
        all.push(runner("mssh", line, "no-keys"));
    }
    all
}

fn round(place: &Place, runners: &mut [Runner]) {
    let runs: usize = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(12);
    let export = place.path("times.json");
    let mut command = place.command(tool("hyperfine"));
    command.args(["-N", "--style", "none", "--warmup", "1", "--runs"]).arg((runs / ROUNDS).max(2).to_string());
    command.arg("--export-json").arg(&export);
    for runner in &*runners {
        command.arg("--prepare").arg(place.path(runner.prepare));
    }
    command.args(runners.iter().map(|runner| &runner.line));
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "hyperfine: {}", String::from_utf8_lossy(&ran.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&fs::read(export).unwrap()).unwrap();
    for (runner, result) in runners.iter_mut().zip(answer["results"].as_array().unwrap()) {
        let times = result["times"].as_array().unwrap().iter();
        runner.times.extend(times.map(|seconds| seconds.as_f64().unwrap() * 1000.0));
    }
}
