//! Fuzzes the parser of an instance's console output, which is untrusted input.
#![no_main]

use ec2ssh::ssh::host_keys::console::{ConsoleMatch, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let printed = parse(bytes);
    // The parser returns at most one key or fingerprint per algorithm, and each returned key counts as printed.
    for key in &printed.keys {
        assert_eq!(printed.compare(key), ConsoleMatch::Printed);
    }
    let algorithms = printed.algorithms();
    assert!(algorithms.iter().enumerate().all(|(at, algorithm)| !algorithms[..at].contains(algorithm)));
});
