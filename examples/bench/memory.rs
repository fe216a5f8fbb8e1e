//! Resident memory while 1 GB goes through: is it steady, and how much is it?

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use ec2ssh_lab::openssh::tool;

use crate::figures::table;
use crate::place::{Distance, Place, product};

const GIGABYTE: &str = "head -c 1000000000 /dev/zero";

pub fn run() {
    let place = Place::new(Distance::NONE, Duration::ZERO);
    let ec2ssh = product();
    place.run(&place.ec2ssh("my-instance true"));
    place.run(&Place::ec2ssh_by_tunnel("--via ssm my-instance true"));
    let mut rows = Vec::new();
    for (name, line) in [
        ("session, direct", place.ec2ssh("my-instance")),
        ("session, endpoint", Place::ec2ssh_by_tunnel("--via eice my-instance")),
        ("session, Session Manager", Place::ec2ssh_by_tunnel("--via ssm my-instance")),
    ] {
        let mut child = spawn(&place, &line, GIGABYTE);
        let pid = child.id();
        rows.push(row(name, &watch(&mut child, || Some(pid))));
    }
    for (name, port, via) in [("proxy, direct", place.port, ""), ("proxy, Session Manager", 22, "--via ssm ")] {
        let key = place.path(".ssh/floor.pub").display().to_string();
        let proxy = format!("{ec2ssh} proxy -q {via}-i {key} -p {port} %r@my-instance");
        // ssh puts `exec` before it: it is ssh's own child.
        let line = place.ssh("floor", "").replacen(
            " -F ",
            &format!(" -o ProxyCommand={} -F ", proxy.replace(' ', "\u{a0}")),
            1,
        );
        let mut child = spawn(&place, &line, GIGABYTE);
        let ssh = child.id();
        rows.push(row(name, &watch(&mut child, || child_of(ssh))));
    }
    table("Resident memory over 1 GB down, MB", &["", "after a tenth", "at the end", "peak"], &rows);
}

fn spawn(place: &Place, line: &str, remote: &str) -> Child {
    let mut words = line.split_whitespace_ascii();
    let mut command = place.command(words.next().unwrap());
    command.args(words).arg(remote).stdout(Stdio::null()).spawn().unwrap()
}

/// A word may have blanks in it, written as no-break spaces.
trait Words {
    fn split_whitespace_ascii(&self) -> impl Iterator<Item = String>;
}

impl Words for str {
    fn split_whitespace_ascii(&self) -> impl Iterator<Item = String> {
        self.split_ascii_whitespace().map(|word| word.replace('\u{a0}', " "))
    }
}

fn row(name: &str, samples: &[u64]) -> Vec<String> {
    #[allow(clippy::cast_precision_loss)]
    let megabytes = |kilobytes: Option<&u64>| format!("{:.1}", *kilobytes.unwrap_or(&0) as f64 * 1.024 / 1000.0);
    let peak = samples.iter().max();
    vec![name.to_owned(), megabytes(samples.get(samples.len() / 10)), megabytes(samples.last()), megabytes(peak)]
}

/// The resident kilobytes of a process, looked at every 20 ms until `child` ends.
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
