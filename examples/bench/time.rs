//! Measures the time to `true` with hyperfine. Before each run, the pushed keys are reset to those that the command
//! should find: its own key, or none.

use std::fs;

use ec2ssh_lab::openssh::tool;

use crate::figures::{median, quantile, table};
use crate::setup::{Distance, ID, KEY_LOOKUP_TIME, Setup, other, with_other_build};

/// The number of rounds. hyperfine runs one command after the other; in rounds, a temporary slowdown of the machine
/// affects all of them.
const ROUNDS: usize = 3;

/// A command that is measured.
struct Runner {
    name: &'static str,
    line: String,
    prepare: &'static str,
    times: Vec<f64>,
}

pub(crate) fn run() {
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
    let setup = Setup::new(distance, KEY_LOOKUP_TIME);
    // Fill the caches: all connections but the first find the instance known.
    setup.run(&setup.ec2ssh("my-instance true"));
    let mut runners = runners(&setup);
    for _ in 0..ROUNDS {
        round(&setup, &mut runners);
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
        &format!("Time to `true`: {name} (key look-up {} ms)", KEY_LOOKUP_TIME.as_millis()),
        &["", "median, ms", "10..90 %", "to the floor", "to the AWS CLI"],
        &runners.iter().map(row).collect::<Vec<_>>(),
    );
}

fn runners(setup: &Setup) -> Vec<Runner> {
    let runner = |name, line, prepare| Runner { name, line, prepare, times: Vec::new() };
    // The look-up costs the same for each run: with a key of its own, as for the programs beside it.
    let known = setup.ec2ssh("--no-share-key my-instance true");
    let mut all = vec![
        runner("ssh, key pushed beforehand (the floor)", setup.ssh("floor", "true"), "floor-key"),
        runner("ssh, key authorized by file", setup.ssh("filed", "true"), "no-keys"),
        runner("ec2ssh, the instance known", known.clone(), "no-keys"),
        runner("ec2ssh, the first time ever", known.clone(), "nothing-known"),
        runner("ec2ssh, with a key that another connection pushed", setup.ec2ssh("my-instance true"), "keep-keys"),
    ];
    let (port, user) = (setup.port, &setup.sshd.user);
    if let Some(line) = with_other_build(&setup.ec2ssh("my-instance true")) {
        all.push(runner("the other ec2ssh, the instance known", line.clone(), "no-keys"));
        all.push(runner("the other ec2ssh, the first time ever", line, "nothing-known"));
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

fn round(setup: &Setup, runners: &mut [Runner]) {
    let runs: usize = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(12);
    let export = setup.path("times.json");
    let mut command = setup.command(tool("hyperfine"));
    command.args(["-N", "--style", "none", "--warmup", "1", "--runs"]).arg((runs / ROUNDS).max(2).to_string());
    command.arg("--export-json").arg(&export);
    for runner in &*runners {
        command.arg("--prepare").arg(setup.path(runner.prepare));
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
