//! The serial console of an instance: its key is pushed to the service, whose own SSH server leads to the line. The session is OpenSSH's: only
//! its client can send the break (RFC 4335) that SysRq needs. It gets the key by an agent that lives as long as the session, and its host
//! key is judged here.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::speculative::search;
use crate::agent::parent::SshProcess;
use crate::agent::server::{AgentBackend, serve};
use crate::agent::socket::publish;
use crate::agent::wire::{HostKeysRequest, Refused, login_algorithm};
use crate::aws::{Aws, AwsPool};
use crate::event::{Event, Events};
use crate::settings::Settings;
use crate::ssh::keys::Key;
use crate::trust::serial::{SerialRefusal, SerialVerifier};
use crate::trust::serial_hosts::serial_host;

/// The time for which it is tried again while another session is open: the service takes about 30 s to end one.
const RETRY_TIMEOUT: Duration = Duration::from_secs(35);
const RETRY_INTERVAL: Duration = Duration::from_secs(3);
/// The age from which on a pushed key is pushed again: it is good for 60 s.
const PUSH_AGAIN: Duration = Duration::from_secs(40);

/// A serial console that admits our key for the next 60 seconds.
pub(crate) struct SerialConsole {
    /// The id of the instance.
    pub instance_id: String,
    /// The DNS name of the server.
    pub host: String,
    /// The user of the login: the instance and its port.
    pub user: String,
    /// The console's output of late, where it could be read; untrusted.
    pub output: Option<Vec<u8>>,
    backend: Arc<Backend>,
}

/// Finds the instance and has the service admit a key; reads the console beside that.
///
/// # Errors
/// The instance is not found, or the service refuses.
pub(crate) async fn serial_console(
    pool: &AwsPool,
    settings: Settings,
    events: &Events,
) -> Result<SerialConsole, Error> {
    let policy = settings.host_keys;
    let search = search(pool, settings, true).await?;
    let located = Box::pin(search.find(events)).await?;
    let (aws, instance_id) = (search.aws, located.instance.id);
    let key = Key::ephemeral();
    let (output, pushed) = tokio::join!(console_output(&aws, &instance_id), push(&aws, &instance_id, &key, events));
    pushed?;
    let region = &located.account.region;
    let host = serial_host(region);
    let (name, user) = (host.name.clone(), format!("{instance_id}.port0"));
    let verifier = SerialVerifier::new(host, region, policy, events);
    let pushed = Mutex::new(Instant::now());
    let backend = Arc::new(Backend {
        aws,
        instance_id: instance_id.clone(),
        key,
        user: user.clone(),
        verifier,
        pushed,
        signed: CancellationToken::new(),
        refused: Mutex::new(None),
    });
    Ok(SerialConsole { instance_id, host: name, user, output, backend })
}

/// Returns the console's output of late, else what was posted when it booted.
async fn console_output(aws: &Aws, instance_id: &str) -> Option<Vec<u8>> {
    match aws.console(instance_id, true).await {
        Ok(console) if !console.bytes.is_empty() => Some(console.bytes),
        _ => aws.console(instance_id, false).await.ok().map(|console| console.bytes),
    }
}

/// Pushes the key; waits where another session is about to end.
async fn push(aws: &Aws, instance_id: &str, key: &Key, events: &Events) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        match aws.push_serial_key(instance_id, &key.public_line()).await {
            Err(error) if is_busy(error.code()) && begun.elapsed() < RETRY_TIMEOUT => {
                let seconds = begun.elapsed().as_secs();
                events(Event::Progress(format!(
                    "waiting for another session on the serial console of {instance_id} to end ({seconds} s)"
                )));
                sleep(RETRY_INTERVAL).await;
            }
            other => return Ok(other?),
        }
    }
}

fn is_busy(code: Option<&str>) -> bool {
    const BUSY: [&str; 2] = ["SerialConsoleSessionLimitExceededException", "SerialConsoleSessionUnavailableException"];
    code.is_some_and(|code| BUSY.contains(&code))
}

impl SerialConsole {
    /// Serves the agent at this path for an ssh, until that has ended.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub(crate) async fn serve(&self, path: &Path, ssh: SshProcess) -> io::Result<()> {
        let (published, listener) = publish(path, ssh, &self.backend.key.public_line())?;
        let (_, drain) = serve(listener, published, Arc::clone(&self.backend), ssh).await?;
        drain.finish().await;
        Ok(())
    }

    /// Waits until ssh has been given the signature of its login.
    pub(crate) async fn signed(&self) {
        self.backend.signed.cancelled().await;
    }

    /// Returns why the server was not trusted, if it was not.
    pub(crate) fn refusal(&self) -> Option<SerialRefusal> {
        self.backend.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Holds the key of one session.
struct Backend {
    aws: Aws,
    instance_id: String,
    /// The time of the last push.
    pushed: Mutex<Instant>,
    /// Cancelled when ssh has been given its signature.
    signed: CancellationToken,
    key: Key,
    user: String,
    verifier: SerialVerifier,
    refused: Mutex<Option<SerialRefusal>>,
}

impl AgentBackend for Backend {
    async fn identities(&self) -> Vec<(Vec<u8>, String)> {
        let age = self.pushed.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        // The question about the host key may have taken its time.
        if age > PUSH_AGAIN && self.aws.push_serial_key(&self.instance_id, &self.key.public_line()).await.is_ok() {
            *self.pushed.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        vec![(self.key.public_blob(), "ec2ssh, for the serial console".to_owned())]
    }

    async fn sign(&self, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        let ours = self.key.public_blob();
        let is_refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let algorithm = login_algorithm(data, &self.user, &ours).filter(|_| key == ours && !is_refused)?;
        let signature = self.key.sign(data, algorithm);
        self.signed.cancel();
        signature
    }

    async fn host_keys(&self, request: HostKeysRequest) -> Result<String, Refused> {
        if request.reason == "ORDER" {
            // Fingerprints do not say which algorithm to ask for.
            return Ok(String::new());
        }
        self.verifier.line(&request.name, &request.key).await.map_err(|refusal| {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
            Refused
        })
    }
}
