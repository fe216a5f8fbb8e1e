//! Measures many logins, at once and one after another, where each look-up of the pushed keys costs what it does on a real instance:
//! more with every key that was pushed in the last minute.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ec2ssh_lab::openssh::tool;

use crate::figures::{median, table};
use crate::setup::{Distance, Setup, ec2ssh_binary};

const AT_ONCE: usize = 40;
const IN_A_ROW: usize = 25;
/// The runs at the end of a row whose median counts.
const LAST: usize = 5;

pub(crate) fn run() {
    let setup = Setup::new(Distance::NONE, Duration::ZERO);
    setup.cloud.cost_key_lookup();
    // Fill the caches: the instance and its host key are known.
    for line in [setup.ec2ssh("my-instance true"), Setup::ec2ssh_by_tunnel("--via eice my-instance true")] {
        setup.run(&line);
    }
    let (block, user) = (setup.path("block"), &setup.sshd.user);
    let text = setup.command(ec2ssh_binary()).args(["config", "print", "--match", "my-*"]).output().unwrap();
    std::fs::write(&block, [&text.stdout[..], format!("Port {}\n", setup.port).as_bytes()].concat()).unwrap();
    let plain = format!("{} -F {} {user}@my-instance true", tool("ssh").display(), block.display());
    let lines = [
        ("ssh, one key pushed beforehand", setup.ssh("floor", "true")),
        ("ec2ssh, direct", setup.ec2ssh("my-instance true")),
        ("ec2ssh, endpoint", Setup::ec2ssh_by_tunnel("--via eice my-instance true")),
        ("ec2ssh, Session Manager", Setup::ec2ssh_by_tunnel("--via ssm my-instance true")),
        ("ssh through the block", plain),
        ("ec2ssh --no-share-key, direct", setup.ec2ssh("--no-share-key my-instance true")),
    ];
    at_once(&setup, &lines);
    in_a_row(&setup, &lines);
}

/// Forgets the keys of the run before.
fn prepare(setup: &Setup, line: &str) {
    let _ = std::fs::remove_dir_all(setup.path("run/ec2ssh"));
    let script = if line.contains("floor") { "floor-key" } else { "no-keys" };
    assert!(setup.command(setup.path(script)).status().unwrap().success());
}

fn start(setup: &Setup, line: &str) -> Child {
    let mut words = line.split_whitespace();
    let mut command = setup.command(words.next().unwrap());
    command.args(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn at_once(setup: &Setup, lines: &[(&str, String)]) {
    let measure = |line: &str| {
        let begun = Instant::now();
        let children: Vec<Child> = (0..AT_ONCE).map(|_| start(setup, line)).collect();
        let ended = children.into_iter().map(|mut child| child.wait().unwrap().success());
        let logged_in = ended.filter(|succeeded| *succeeded).count();
        let seconds = begun.elapsed().as_secs_f64();
        (format!("{logged_in} of {AT_ONCE}"), format!("{seconds:.1}"), seconds)
    };
    print(setup, lines, measure, &format!("{AT_ONCE} at once"), ["logged in", "all ended after, s"]);
}

fn in_a_row(setup: &Setup, lines: &[(&str, String)]) {
    let measure = |line: &str| {
        let mut times = Vec::new();
        for _ in 0..IN_A_ROW {
            let begun = Instant::now();
            start(setup, line).wait().unwrap();
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        let (first, last) = (times[0], median(&times[IN_A_ROW - LAST..]));
        (format!("{first:.0}"), format!("{last:.0}"), last)
    };
    let columns = ["first, ms", &format!("median of the last {LAST}, ms")];
    print(setup, lines, measure, &format!("{IN_A_ROW} in a row"), columns);
}

/// Measures each line, two figures and the one that is compared with the first line's, and prints the table.
fn print(
    setup: &Setup,
    lines: &[(&str, String)],
    measure: impl Fn(&str) -> (String, String, f64),
    heading: &str,
    columns: [&str; 2],
) {
    let mut rows = Vec::new();
    let mut floor = None;
    for (name, line) in lines {
        prepare(setup, line);
        let (one, other, compared) = measure(line);
        let floor = *floor.get_or_insert(compared);
        rows.push(vec![(*name).to_owned(), one, other, format!("{:.2}", compared / floor)]);
    }
    let heading = format!("{heading}, each look-up of keys at its real cost");
    table(&heading, &["", columns[0], columns[1], "to ssh"], &rows);
}
