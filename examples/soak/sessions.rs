//! Long sessions by each route, which return what they are sent.

use std::io::{Read, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use crate::process::{Footprint, end};
use crate::setup::{Distance, Setup, ec2ssh_binary};
use crate::{Outcome, routes};

/// The time after which memory and descriptors are as they have to stay.
const WARM_UP: Duration = Duration::from_secs(10);
/// The lengths of the messages in turn, in bytes: key strokes, screens, blocks.
const SIZES: [usize; 6] = [1, 80, 4000, 3, 70_000, 500];
/// The time between two messages.
const PAUSE: Duration = Duration::from_millis(20);
/// The time limit for the end of the session.
const END_LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn run() -> Vec<(String, Outcome)> {
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    let setup = Setup::new(Distance::NONE, Duration::ZERO);
    setup.run(&setup.ec2ssh("my-instance true"));
    std::thread::scope(|scope| {
        let setup = &setup;
        let time = Duration::from_secs(seconds);
        let all = routes(setup).map(|(route, options)| {
            scope.spawn(move || (format!("{seconds} s, {route}"), echo(setup, &options, time)))
        });
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Sends messages for this time, and compares what comes back.
fn echo(setup: &Setup, options: &str, time: Duration) -> Outcome {
    let mut command = setup.command(ec2ssh_binary());
    command.args(format!("-q {options} my-instance cat").split_whitespace());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let streams = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let exchanged = exchange(streams, child.id(), time);
    let ended = end(child, END_LIMIT);
    let seen = exchanged?;
    if ended.code == Some(0) { seen } else { Err(format!("ended with {:?}: {}", ended.code, ended.stderr)) }
}

/// Sends messages and compares, and closes both streams. An error is the end of the session; what is seen may be an error as well.
fn exchange(streams: (ChildStdin, ChildStdout), pid: u32, time: Duration) -> Result<Outcome, String> {
    let (mut input, mut output) = streams;
    let begun = Instant::now();
    let (mut before, mut total, mut count) = (None, 0, 0_usize);
    while begun.elapsed() < time {
        let size = SIZES[count % SIZES.len()];
        let message: Vec<u8> = (0..size).map(|at| u8::try_from((at + count) % 251).unwrap()).collect();
        input.write_all(&message).map_err(|error| format!("after {total} bytes: {error}"))?;
        let mut back = vec![0; size];
        output.read_exact(&mut back).map_err(|error| format!("after {total} bytes: {error}"))?;
        if back != message {
            return Err(format!("other bytes came back after {total}"));
        }
        total += size;
        count += 1;
        if before.is_none() && begun.elapsed() >= WARM_UP {
            before = Some(Footprint::of(pid));
        }
        std::thread::sleep(PAUSE);
    }
    let grown = before.map(|before| Footprint::of(pid).after(before));
    let text = format!("{count} messages, {:.1} MB each way", total as f64 / 1e6);
    Ok(match grown {
        None => Ok(text),
        Some(Ok(footprint)) => Ok(format!("{text}; {footprint}")),
        Some(Err(footprint)) => Err(format!("{text}; {footprint}")),
    })
}
