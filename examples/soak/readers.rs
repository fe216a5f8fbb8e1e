//! Readers that pause for longer than the server waits for a keepalive's answer: the output is whole all the same.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::setup::{Setup, ec2ssh_binary};
use crate::{Outcome, routes};

const IMPATIENT: &str = "ClientAliveInterval 1\nClientAliveCountMax 3";
const PAUSE: Duration = Duration::from_secs(20);
/// More than the buffers of both sides and of the network hold.
const SIZE: usize = 30_000_000;

pub(crate) fn run() -> Vec<(String, Outcome)> {
    // With the second, the server begins a new key exchange in the middle of the pause.
    [IMPATIENT.to_owned(), format!("{IMPATIENT}\nRekeyLimit 1M")].iter().flat_map(|config| with(config)).collect()
}

fn with(sshd_config: &str) -> Vec<(String, Outcome)> {
    let setup = Setup::with_sshd(sshd_config);
    setup.run(&setup.ec2ssh("my-instance true"));
    let rekeys = if sshd_config.contains("RekeyLimit") { ", new keys each MB" } else { "" };
    std::thread::scope(|scope| {
        let setup = &setup;
        let mut all = Vec::new();
        for (route, options) in routes(setup) {
            let same = options.clone();
            all.push((format!("pipe, {route}{rekeys}"), scope.spawn(move || by_pipe(setup, &options))));
            all.push((format!("terminal, {route}{rekeys}"), scope.spawn(move || by_terminal(setup, &same))));
        }
        all.into_iter().map(|(name, thread)| (name, whole(thread.join().unwrap()))).collect()
    })
}

fn whole(seen: usize) -> Outcome {
    let text = format!("{seen} of {SIZE} bytes after a pause of {} s", PAUSE.as_secs());
    if seen == SIZE { Ok(text) } else { Err(text) }
}

fn script() -> String {
    format!("head -c {SIZE} /dev/zero | tr '\\0' x")
}

fn by_pipe(setup: &Setup, options: &str) -> usize {
    let mut command = setup.command(ec2ssh_binary());
    command.args(format!("-q {options} my-instance").split_whitespace()).arg(script());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(PAUSE);
    let seen = count(child.stdout.take().unwrap());
    child.wait().unwrap();
    seen
}

fn by_terminal(setup: &Setup, options: &str) -> usize {
    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let plain = setup.command(ec2ssh_binary());
    let mut command = CommandBuilder::new(ec2ssh_binary());
    command.args(format!("-q -t {options} my-instance").split_whitespace());
    command.arg(script());
    command.env_clear();
    plain.get_envs().for_each(|(name, value)| command.env(name, value.unwrap_or_default()));
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let reader = pair.master.try_clone_reader().unwrap();
    std::thread::sleep(PAUSE);
    let seen = count(reader);
    child.wait().unwrap();
    seen
}

/// Counts the x that can be read until the end.
fn count(mut reader: impl Read) -> usize {
    let (mut seen, mut chunk) = (0, vec![0; 1 << 16]);
    while let Ok(count @ 1..) = reader.read(&mut chunk) {
        seen += chunk[..count].iter().filter(|byte| **byte == b'x').count();
    }
    seen
}
