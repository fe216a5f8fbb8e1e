//! Fuzzes the parser of an instance's console output, which is untrusted input.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| ec2ssh::internals::check_console(bytes));
