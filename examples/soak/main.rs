//! Tries to break ec2ssh: many sessions at once, long sessions, kills at random moments, hostile far sides, readers that pause. Ends
//! with status 1 if anything did not hold.
//!
//! ```text
//! make soak                                      everything, about 15 minutes
//! make soak ARGS="kills hostile"                 these parts
//! SOAK_SECONDS=60                                how long the long sessions last (else 600)
//! ```
#![allow(clippy::unwrap_used, reason = "a trial that panics has failed")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to whoever runs it")]

mod hostile;
mod kills;
mod load;
mod process;
mod readers;
mod sessions;
#[allow(dead_code, reason = "the benchmark uses more of it")]
#[path = "../bench/setup.rs"]
mod setup;

use std::process::ExitCode;
use std::time::Instant;

use setup::Setup;

/// The result of one trial: what was seen, as an error if it did not hold.
type Outcome = Result<String, String>;
/// The part of the soak that has this name: runs its trials, each of which has a name.
type Part = (&'static str, fn() -> Vec<(String, Outcome)>);

/// Returns the routes, with the options that choose each.
fn routes(setup: &Setup) -> [(&'static str, String); 3] {
    let direct = format!("--via direct -p {}", setup.port);
    [("direct", direct), ("endpoint", "--via eice".to_owned()), ("Session Manager", "--via ssm".to_owned())]
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let parts: [Part; 5] = [
        ("load", load::run),
        ("sessions", sessions::run),
        ("kills", kills::run),
        ("hostile", hostile::run),
        ("readers", readers::run),
    ];
    let mut failed = 0;
    for (part, run) in parts {
        if !wanted.is_empty() && wanted.iter().all(|word| word != part) {
            continue;
        }
        let begun = Instant::now();
        for (name, outcome) in run() {
            let (mark, seen) = match outcome {
                Ok(seen) => ("held  ", seen),
                Err(seen) => ("BROKEN", seen),
            };
            failed += u32::from(mark == "BROKEN");
            println!("{mark} {part}: {name}: {seen}");
        }
        println!("       {part} took {} s", begun.elapsed().as_secs());
    }
    println!("{failed} did not hold");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
