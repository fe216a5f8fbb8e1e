//! The parts of the inside that the integration tests and the fuzzer need. Not an interface: it changes with the code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::aws::shared_config::SharedConfig;
use crate::aws::{AwsPool, Interaction};
use crate::config::{Options, Via};
use crate::connect;
use crate::settings::{Settings, Typed};
use crate::trust::console::{ConsoleMatch, parse};

pub use crate::cli::with_panic_hook;
pub use crate::terminal::raw::RawMode;

/// Opens a byte stream to the target's SSH port through Session Manager, with this public key.
///
/// # Panics
/// If there is no connection.
pub async fn open_session_manager_stream(target: &str, public_key: PathBuf) -> impl Sized {
    let options = Options { via: Some(Via::Ssm), identity: Some(public_key), ..Options::default() };
    let target = target.parse().expect("the test's target is valid");
    let settings = Settings::new(target, Typed { options, ..Typed::default() }, Arc::default());
    Box::pin(connect::stream(&AwsPool::new(Interaction::silent()), settings, &(Arc::new(|_| {}) as _)))
        .await
        .expect("there is a connection")
}

/// Reads a shared config and a credentials file, and returns the properties of each profile; a subkey is `key.subkey`.
pub fn shared_profiles(config: &Path, credentials: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let path = |name: &str| match name {
        "AWS_CONFIG_FILE" => Some(config.display().to_string()),
        _ => Some(credentials.display().to_string()),
    };
    SharedConfig::load(path, None).flattened()
}

/// Parses a console output and checks what every result must fulfil.
///
/// # Panics
/// If the result has two keys of an algorithm, or a key that does not count as printed.
pub fn check_console(output: &[u8]) {
    let printed = parse(output);
    for key in &printed.keys {
        assert_eq!(printed.compare(key), ConsoleMatch::Printed);
    }
    let algorithms = printed.algorithms();
    assert!(algorithms.iter().enumerate().all(|(at, algorithm)| !algorithms[..at].contains(algorithm)));
}
