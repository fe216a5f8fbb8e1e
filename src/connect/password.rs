//! The first password of a Windows instance: EC2 keeps it, encrypted for the key pair of the launch.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::error::Error;
use super::key_file::{self, LazyKey};
use crate::aws::model::Instance;
use crate::aws::{self, Aws};
use crate::event::{Event, Events};
use crate::secret::Secret;
use crate::ssh::decrypt::DecryptError;
use crate::when;

/// The time after its launch within which an instance makes its password
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetPasswordData.html>).
const READY_TIME: Duration = Duration::from_secs(15 * 60);
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPassword {
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// EC2 has passwords of Windows instances only.
    #[error("it runs {0}, and EC2 has passwords of Windows only")]
    NotWindows(String),
    /// The instance was launched without a key pair, so nothing is encrypted for anybody.
    #[error("it was launched without a key pair")]
    NoKeyPair,
    /// The instance has not made a password yet.
    #[error("it was launched {minutes} min ago, and has made no password yet")]
    NotYet {
        /// The time since the launch.
        minutes: u64,
    },
    /// The instance has made no password, and will make none.
    #[error("it has made none: its image does not (it was not prepared with Sysprep), or its key pair is ED25519")]
    Never,
    /// The private key of the key pair is not found.
    #[error("the private key of its key pair {name} is not at any of: {}", join(.looked))]
    NoKeyFile {
        /// The name of the key pair; untrusted.
        name: String,
        /// The paths where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// The key file cannot be used.
    #[error("{0}")]
    KeyFile(Box<Error>),
    /// The key cannot decrypt the password.
    #[error("{} does not decrypt it: {source}", path.display())]
    Key {
        /// The path of the key file.
        path: PathBuf,
        /// The name of the key pair that it is encrypted for; untrusted.
        name: String,
        /// The reason why it cannot be decrypted.
        source: DecryptError,
    },
}

fn join(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Finds the password, and waits for it while the instance is young. `first` is what the service has answered once.
pub(super) async fn find_password(
    aws: &Aws,
    instance: &Instance,
    typed: Option<PathBuf>,
    (first, wait): (Result<Option<Vec<u8>>, aws::Error>, Option<Duration>),
    events: &Events,
) -> Result<Secret<String>, NoPassword> {
    if !instance.is_windows() {
        return Err(NoPassword::NotWindows(instance.platform_details.clone().unwrap_or_default()));
    }
    let name = instance.key_name.clone().ok_or(NoPassword::NoKeyPair)?;
    let path = match typed {
        Some(path) => path,
        None => key_file_of(&name)?,
    };
    let file = key_file::open(&path, events).await.map_err(|error| NoPassword::KeyFile(Box::new(error)))?;
    let sealed = match first? {
        Some(sealed) => sealed,
        None => sealed_password(aws, instance, wait, events).await?,
    };
    let key = LazyKey::new(file);
    let key = key.key(events).await.map_err(|error| NoPassword::KeyFile(Box::new(error)))?;
    let plain = key.decrypt(&sealed).and_then(|plain| text(&plain).ok_or(DecryptError::OtherKey));
    plain.map_err(|source| NoPassword::Key { path, name, source })
}

/// Returns the password if it can be one: text without control characters.
fn text(plain: &Zeroizing<Vec<u8>>) -> Option<Secret<String>> {
    let text =
        std::str::from_utf8(plain).ok().filter(|text| !text.is_empty() && !text.chars().any(char::is_control))?;
    Some(Secret::new(text.to_owned()))
}

/// Asks for the password until it is there, or the time is over.
async fn sealed_password(
    aws: &Aws,
    instance: &Instance,
    wait: Option<Duration>,
    events: &Events,
) -> Result<Vec<u8>, NoPassword> {
    let begun = Instant::now();
    let launched = instance.launched.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default();
    loop {
        let age = Duration::from_secs((when::unix_milliseconds() / 1000).saturating_sub(launched));
        if age >= READY_TIME {
            return Err(NoPassword::Never);
        }
        if wait.is_none_or(|wait| begun.elapsed() >= wait) {
            return Err(NoPassword::NotYet { minutes: age.as_secs() / 60 });
        }
        let seconds = begun.elapsed().as_secs();
        events(Event::Progress(format!("waiting for the password of {} ({seconds} s)", instance.id)));
        sleep(POLL_INTERVAL).await;
        if let Some(sealed) = aws.password_data(&instance.id).await? {
            return Ok(sealed);
        }
    }
}

/// Finds the private key of a key pair where people keep it.
fn key_file_of(name: &str) -> Result<PathBuf, NoPassword> {
    let looked = candidates(name);
    let found = looked.iter().find(|path| path.is_file()).cloned();
    found.ok_or_else(|| NoPassword::NoKeyFile { name: name.to_owned(), looked })
}

/// Returns the paths where the key may be. A name from AWS that is a path leads nowhere.
fn candidates(name: &str) -> Vec<PathBuf> {
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Vec::new();
    }
    let folder = dirs::home_dir().map(|home| home.join(".ssh"));
    let in_ssh = folder.iter().flat_map(|folder| [folder.join(format!("{name}.pem")), folder.join(name)]);
    in_ssh.chain([PathBuf::from(format!("{name}.pem"))]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_aws_lead_to_no_other_folder() {
        for name in ["../id_rsa", "/etc/passwd", "..", ".hidden", "a\\b"] {
            assert!(candidates(name).is_empty(), "{name}");
        }
        let paths: Vec<String> = candidates("ops").iter().map(|path| path.display().to_string()).collect();
        assert!(paths[0].ends_with(".ssh/ops.pem") && paths.last().unwrap() == "ops.pem", "{paths:?}");
    }

    #[test]
    fn decrypted_bytes_must_be_a_password() {
        let is_one = |bytes: &[u8]| text(&Zeroizing::new(bytes.to_vec())).is_some();
        assert!(is_one(b"pass word "));
        assert!(!is_one(b"") && !is_one(b"a\nb") && !is_one(b"\xff"));
    }
}
