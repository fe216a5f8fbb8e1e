//! Measures whether the resident memory stays steady while 1 GB is transferred, and how large it is.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use ec2ssh_lab::openssh::tool;

use crate::figures::table;
use crate::setup::{Distance, Setup, ec2ssh_binary};

const GIGABYTE: &str = "head -c 1000000000 /dev/zero";

pub(crate) fn run() {
    let setup = Setup::new(Distance::NONE, Duration::ZERO);
    let ec2ssh = ec2ssh_binary();
    setup.run(&setup.ec2ssh("my-instance true"));
    setup.run(&Setup::ec2ssh_by_tunnel("--via ssm my-instance true"));
    let mut rows = Vec::new();
    for (name, line) in [
        ("session, direct", setup.ec2ssh("my-instance")),
        ("session, EICE", Setup::ec2ssh_by_tunnel("--via eice my-instance")),
        ("session, Session Manager", Setup::ec2ssh_by_tunnel("--via ssm my-instance")),
    ] {
        let mut child = spawn(&setup, &line, GIGABYTE);
        let pid = child.id();
        rows.push(row(name, &watch(&mut child, || Some(pid))));
    }
    for (name, port, via) in [("proxy, direct", setup.port, ""), ("proxy, Session Manager", 22, "--via ssm ")] {
        let key = setup.path(".ssh/floor.pub").display().to_string();
        let proxy = format!("{ec2ssh} proxy -q {via}-i {key} -p {port} %r@my-instance");
        // ssh runs the proxy command with `exec`, so the proxy is a direct child of ssh.
        let line = setup.ssh("floor", "").replacen(
            " -F ",
            &format!(" -o ProxyCommand={} -F ", proxy.replace(' ', "\u{a0}")),
            1,
        );
        let mut child = spawn(&setup, &line, GIGABYTE);
        let ssh = child.id();
        rows.push(row(name, &watch(&mut child, || child_of(ssh))));
    }
    table("Resident memory over 1 GB down, MB", &["", "after a tenth", "at the end", "peak"], &rows);
}

fn spawn(setup: &Setup, line: &str, remote: &str) -> Child {
    let mut words = line.split_words();
    let mut command = setup.command(words.next().unwrap());
    command.args(words).arg(remote).stdout(Stdio::null()).spawn().unwrap()
}

/// Splits a command line into words; a no-break space stands for a space inside a word.
trait SplitWords {
    fn split_words(&self) -> impl Iterator<Item = String>;
}

impl SplitWords for str {
    fn split_words(&self) -> impl Iterator<Item = String> {
        self.split_ascii_whitespace().map(|word| word.replace('\u{a0}', " "))
    }
}

fn row(name: &str, samples: &[u64]) -> Vec<String> {
    #[allow(clippy::cast_precision_loss)]
    let megabytes = |kilobytes: Option<&u64>| format!("{:.1}", *kilobytes.unwrap_or(&0) as f64 * 1.024 / 1000.0);
    let peak = samples.iter().max();
    vec![name.to_owned(), megabytes(samples.get(samples.len() / 10)), megabytes(samples.last()), megabytes(peak)]
}

/// Samples the resident memory of a process in kB, every 20 ms until `child` ends.
fn watch(child: &mut Child, mut whose: impl FnMut() -> Option<u32>) -> Vec<u64> {
    let mut samples = Vec::new();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return samples;
        }
        let status = whose().and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok()).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        samples.extend(resident.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok()));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn child_of(pid: u32) -> Option<u32> {
    let found = std::process::Command::new(tool("pgrep")).args(["-P", &pid.to_string(), "ec2ssh"]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().lines().next()?.parse().ok()
}
