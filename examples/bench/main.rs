//! Compares ec2ssh with ssh (and with the AWS CLI and mssh, if their paths are given) in one run: time to `true`, CPU
//! time before the first call, throughput, forwards, memory, typing, many logins, Ctrl-C. Prints tables in Markdown; nothing here passes or fails.
//!
//! ```text
//! make bench                                     everything
//! make bench ARGS="time typing"                  these parts
//! AWS_CLI=/path/to/aws MSSH=/path/to/mssh make bench ARGS=time
//! OTHER_EC2SSH=/path/to/ec2ssh make bench            beside another build of it
//! RUNS=20                                        runs of each command (else 12)
//! ONLY=endpoint                                  throughput of this way alone, beside ssh
//! ```
#![allow(clippy::unwrap_used, reason = "a benchmark that panics has failed")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to whoever runs it")]

mod figures;
mod forward;
mod interrupt;
mod load;
mod memory;
mod setup;
mod start;
mod throughput;
mod time;
mod typing;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let parts: [(&str, fn()); 8] = [
        ("time", time::run),
        ("start", start::run),
        ("throughput", throughput::run),
        ("forward", forward::run),
        ("memory", memory::run),
        ("typing", typing::run),
        ("load", load::run),
        ("interrupt", interrupt::run),
    ];
    for (name, run) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            run();
        }
    }
}
