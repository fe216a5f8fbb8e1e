//! The parser of an instance's console: whatever is on it, and whoever wrote it.
#![no_main]

use ec2ssh::ssh::host_keys::console::{Word, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let printed = parse(bytes);
    // What it gives has one answer for each algorithm, and says yes to itself.
    for key in &printed.keys {
        assert_eq!(printed.word_on(key), Word::Printed);
    }
    let algorithms = printed.algorithms();
    assert!(algorithms.iter().enumerate().all(|(at, algorithm)| !algorithms[..at].contains(algorithm)));
});
