//! Runs a `credential_process`
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>).
//!
//! The program is started without a shell, as the AWS CLI does. What it writes to standard error is shown while it runs and kept
//! for the error. Its standard input is the terminal, or nothing.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use aws_credential_types::Credentials;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::expiration;
use super::interaction::{CredentialEvent, CredentialEvents, Interaction};

/// The number of bytes that are read from a program's output.
const MAX_OUTPUT_SIZE: u64 = 64 * 1024;
/// The number of bytes of standard error that an error repeats, from its end.
const MAX_REPEATED: usize = 2048;
/// The time without output after which the user is told what is being waited for.
const QUIET_TIME: Duration = Duration::from_secs(1);
/// The time after which a line without its end is shown: it is a prompt.
const PROMPT_TIME: Duration = Duration::from_millis(100);

/// Why a program gave no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProcessError {
    /// The command line is empty or has an open quote.
    #[error("invalid command line")]
    CommandLine,
    /// The program cannot be started.
    #[error("cannot start {program}: {reason}")]
    Start {
        /// The name of the program.
        program: String,
        /// The reason that the system gave.
        reason: String,
    },
    /// The program ended with a failure.
    #[error("{program} ended with {status}")]
    Failed {
        /// The name of the program.
        program: String,
        /// The exit status or the signal.
        status: ExitStatus,
        /// The end of what it wrote to standard error; untrusted.
        said: String,
    },
    /// The output is not what the documentation says.
    #[error("{program} wrote no valid credentials: {reason}")]
    Output {
        /// The name of the program.
        program: String,
        /// The defect of the output.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Runs the program and returns the credentials that it wrote.
///
/// # Errors
/// The program cannot be started, fails, or writes something else.
pub(super) async fn run(profile: &str, command: &str, interaction: &Interaction) -> Result<Credentials, ProcessError> {
    let words = shell_words::split(command).map_err(|_| ProcessError::CommandLine)?;
    let (program, arguments) = words.split_first().ok_or(ProcessError::CommandLine)?;
    let failed = |error: std::io::Error| ProcessError::Start { program: program.clone(), reason: error.to_string() };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin((interaction.terminal)().map_or_else(Stdio::null, Stdio::from))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C drops the future that waits here.
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let waiting = format!("waiting for the credential_process of profile {profile} ({program})");
    let (output, said) = tokio::join!(read_all(stdout), relay(stderr, &waiting, &interaction.events));
    let status = child.wait().await.map_err(failed)?;
    if !status.success() {
        return Err(ProcessError::Failed { program: program.clone(), status, said });
    }
    credentials(&output).map_err(|reason| ProcessError::Output { program: program.clone(), reason })
}

async fn read_all(stream: Option<impl AsyncRead + Unpin>) -> Zeroizing<Vec<u8>> {
    let mut output = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT_SIZE as usize));
    if let Some(stream) = stream {
        let _ = stream.take(MAX_OUTPUT_SIZE).read_to_end(&mut output).await;
    }
    output
}

/// Shows what the program writes to standard error, and returns the end of it.
async fn relay(stream: Option<impl AsyncRead + Unpin>, waiting: &str, events: &CredentialEvents) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let (mut all, mut shown, mut announced) = (Vec::new(), 0, false);
    let mut buffer = [0; 1024];
    loop {
        let patience = if all.len() > shown { PROMPT_TIME } else { QUIET_TIME };
        let read = match timeout(patience, stream.read(&mut buffer)).await {
            Ok(Ok(read)) => Some(read),
            Ok(Err(_)) => Some(0),
            Err(_) => None,
        };
        if read == Some(0) {
            show(&all[shown..], events);
            break;
        }
        if !announced {
            announced = true;
            events(CredentialEvent::Waiting(waiting.to_owned()));
        }
        all.extend_from_slice(&buffer[..read.unwrap_or(0)]);
        let end = match read {
            // Whole lines are shown at once, the rest when nothing follows.
            Some(_) => all.iter().rposition(|byte| *byte == b'\n').map_or(shown, |at| at + 1),
            None => all.len(),
        };
        show(&all[shown..end.max(shown)], events);
        shown = end.max(shown);
        let excess = shown.saturating_sub(MAX_REPEATED);
        all.drain(..excess);
        shown -= excess;
    }
    let start = all.len().saturating_sub(MAX_REPEATED);
    String::from_utf8_lossy(&all[start..]).trim().to_owned()
}

fn show(bytes: &[u8], events: &CredentialEvents) {
    for line in String::from_utf8_lossy(bytes).lines().filter(|line| !line.trim().is_empty()) {
        events(CredentialEvent::Output(line.to_owned()));
    }
}

/// Reads the program's JSON. The reason of a failure never quotes it: it has a secret.
fn credentials(output: &[u8]) -> Result<Credentials, String> {
    let parsed: Output = serde_json::from_slice(output).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => "a field of the JSON is missing or has another type".to_owned(),
        _ => format!("not JSON (line {}, column {})", error.line(), error.column()),
    })?;
    let Output { version, access_key_id, secret_access_key, session_token, expiration } = parsed;
    if version != 1 {
        return Err(format!("version {version} of the format is not known"));
    }
    if access_key_id.is_empty() || secret_access_key.is_empty() {
        return Err("the key is empty".to_owned());
    }
    let expiry = expiration
        .filter(|text| !text.is_empty())
        .map(|text| expiration::parse(&text).ok_or("the Expiration is not a time in ISO 8601"));
    Ok(Credentials::new(access_key_id, secret_access_key, session_token, expiry.transpose()?, "CredentialProcess"))
}

#[cfg(test)]
mod tests;
