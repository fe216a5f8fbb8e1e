//! [`Secret`]: a value that logs, errors and debug output cannot show. Wiped when dropped.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// A secret value, for example a passphrase. It has no `Display`, and its `Debug` prints `(redacted)`.
#[derive(Clone)]
pub(crate) struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value as a secret.
    pub(crate) fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Returns the value, for the one place that needs it.
    pub(crate) fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// Disables core dumps, and reading of this process's memory by the user's other processes: a key that is in no file
/// must not get into one. Ctrl-\\ at a ProxyCommand would dump core, too.
pub(crate) fn disable_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    // A program that collects core dumps is not bound by the limit.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
