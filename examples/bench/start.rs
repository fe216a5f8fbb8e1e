//! Measures the startup cost: CPU time and threads until the first byte to AWS, and the run time of the commands that
//! make no AWS call.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use crate::figures::{median, quantile, table};
use crate::setup::{Distance, Setup, ec2ssh_binary, with_other_build};

const RUNS: usize = 25;

pub(crate) fn run() {
    let setup = Setup::new(Distance::NONE, Duration::ZERO);
    setup.run(&setup.ec2ssh("my-instance true"));
    let mut rows = Vec::new();
    let builds = [Some(ec2ssh_binary()), with_other_build(&ec2ssh_binary())];
    for (build, path) in ["ec2ssh", "the other ec2ssh"].into_iter().zip(builds) {
        rows.extend(path.into_iter().flat_map(|path| measure(&setup, build, &path)));
    }
    table("A start: CPU until the first byte; for the others, all of their time", &["", "median, ms", "90 %"], &rows);
}

fn measure(setup: &Setup, build: &str, path: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (scheme, name) in [("http", "in clear"), ("https", "in TLS, with the system's authorities")] {
        let (cpu, threads): (Vec<f64>, Vec<usize>) =
            (0..RUNS).map(|_| cpu_before_first_byte(setup, path, scheme)).unzip();
        let most = threads.iter().max().unwrap();
        rows.push(row(&format!("`{build} NAME`, until the first byte to AWS, {name} ({most} threads at most)"), &cpu));
    }
    for words in ["--help", "completions bash", "complete -- my-"] {
        let all: Vec<f64> = (0..RUNS).map(|_| run_time(setup, path, words)).collect();
        rows.push(row(&format!("`{build} {words}`, all of it"), &all));
    }
    rows
}

fn row(name: &str, times: &[f64]) -> Vec<String> {
    vec![name.to_owned(), format!("{:.1}", median(times)), format!("{:.1}", quantile(times, 0.9))]
}

/// Returns the CPU time (ms) that the process has used when its first request arrives, and its number of threads.
fn cpu_before_first_byte(setup: &Setup, path: &str, scheme: &str) -> (f64, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
    let mut command = setup.command(path);
    command.args(["-q", "my-instance", "true"]).env("AWS_ENDPOINT_URL", endpoint).env_remove("AWS_CA_BUNDLE");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.read_exact(&mut [0]).unwrap();
    let used = cpu(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    used
}

/// Returns the CPU time so far of all threads in milliseconds, and the number of threads.
fn cpu(pid: u32) -> (f64, usize) {
    let threads: Vec<_> =
        fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let of = |thread: &std::path::PathBuf| -> f64 {
        let text = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().map_or(0.0, |nanoseconds| nanoseconds.parse().unwrap())
    };
    (threads.iter().map(of).sum::<f64>() / 1e6, threads.len())
}

/// Returns the wall-clock time of a run in milliseconds, from start to end: these commands have nothing to wait for.
fn run_time(setup: &Setup, path: &str, words: &str) -> f64 {
    let mut command = setup.command(path);
    command.args(words.split(' ')).stdout(Stdio::null());
    let begun = std::time::Instant::now();
    assert!(command.status().unwrap().success(), "{words}");
    begun.elapsed().as_secs_f64() * 1000.0
}
