//! [`RemoteDesktop`]: what a desktop of an instance needs, each part by itself, so that they can be fetched side by side: the way to its port,
//! the certificate, the thumbprint on the console, the password.

use std::path::PathBuf;
use std::time::Duration;

use super::error::Error;
use super::password::{NoPassword, find_password};
use super::ports::{Ports, desktop_ports};
use super::speculative::search;
use crate::aws::model::Instance;
use crate::aws::{self, Aws, AwsPool};
use crate::boot::Booting;
use crate::event::{Event, Events};
use crate::forward_spec::Destination;
use crate::plan::{RoutePlan, plan_route};
use crate::rdp::certificate::{self, Certificate};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::trust::rdp::printed_thumbprint;
use tokio::time::{Instant, sleep};

/// The port of Windows's RDP server.
pub(crate) const RDP_PORT: u16 = 3389;
const RETRY_INTERVAL: Duration = Duration::from_secs(3);

/// The service's first answer about the password.
pub(crate) struct SealedPassword(Result<Option<Vec<u8>>, aws::Error>);

/// The desktop of one instance.
pub(crate) struct RemoteDesktop {
    /// The instance as it was found.
    pub instance: Instance,
    /// The ways to its port.
    pub ports: Ports,
    /// The port of its RDP server.
    pub port: u16,
    aws: Aws,
    booting: Option<Booting>,
    wait: Option<Duration>,
    events: Events,
}

/// Finds the instance; nothing is opened yet.
///
/// # Errors
/// The instance is not found, or it is not running.
pub(crate) async fn desktop(
    pool: &AwsPool,
    settings: Settings,
    port: u16,
    events: &Events,
) -> Result<RemoteDesktop, Error> {
    let wait = settings.wait;
    let search = search(pool, settings, false).await?;
    let located = Box::pin(search.find(events)).await?;
    let settings = search.settings.for_instance(&located.instance);
    let plan = plan_route(&settings, located.account, located.instance.clone())?;
    let ports = desktop_ports(search.aws.clone(), plan, events);
    let (instance, booting) = (located.instance, located.booting);
    Ok(RemoteDesktop { instance, ports, port, aws: search.aws, booting, wait, events: events.clone() })
}

impl RemoteDesktop {
    /// Returns where the connections of a client lead.
    pub(crate) fn destination(&self) -> Destination {
        Destination::Tcp { host: "localhost".to_owned(), port: self.port }
    }

    /// Opens a connection and reads the server's certificate; tries again while the instance boots.
    ///
    /// # Errors
    /// No way leads there, or the server is no RDP server.
    pub(crate) async fn certificate(&self) -> Result<Certificate, Error> {
        let begun = Instant::now();
        loop {
            match self.read_certificate().await {
                Err(error) if is_transient(&error) && self.booting.is_some_and(Booting::may_come_up) => {
                    let seconds = begun.elapsed().as_secs();
                    let id = &self.instance.id;
                    (self.events)(Event::Progress(format!("waiting for the RDP server of {id} ({seconds} s)")));
                    sleep(RETRY_INTERVAL).await;
                }
                other => return other,
            }
        }
    }

    /// Reads the certificate by the first way on which an RDP server answers: a tunnel may open although nothing is behind it.
    async fn read_certificate(&self) -> Result<Certificate, Error> {
        let (to, host) = (self.destination(), "localhost");
        let (mut failures, mut silent) = (Vec::new(), None);
        for way in self.ports.ways(host, self.port) {
            let opened = match self.ports.open_by(way, &to, host, self.port).await {
                Ok(opened) => opened,
                Err(failed) => {
                    failures.extend(failed);
                    continue;
                }
            };
            match certificate::read(opened.stream).await {
                Ok(certificate) => {
                    self.ports.prove(way);
                    return Ok(certificate);
                }
                Err(error) => {
                    (self.events)(Event::Step(format!("no RDP server by {way}: {error}")));
                    silent = Some(error);
                }
            }
        }
        let plan = RoutePlan { port: self.port, ..self.ports.plan().clone() };
        Err(match silent {
            Some(source) => Error::Certificate { plan: Box::new(plan), source: Box::new(source) },
            None => Error::NoDesktop { plan: Box::new(plan), failed: failures },
        })
    }

    /// Returns the thumbprint that Windows has printed on the console: of late, else when it booted.
    pub(crate) async fn printed_thumbprint(&self) -> Option<String> {
        let (late, posted) =
            tokio::join!(self.aws.console(&self.instance.id, true), self.aws.console(&self.instance.id, false));
        for console in [&late, &posted].into_iter().flatten() {
            if let Some(found) = printed_thumbprint(&console.bytes) {
                return Some(found);
            }
        }
        if let Err(error) = posted {
            (self.events)(Event::Step(format!("the console cannot be read: {error}")));
        }
        None
    }

    /// Asks for the encrypted password once: beside other calls, before anybody is asked anything.
    pub(crate) async fn sealed_password(&self) -> SealedPassword {
        SealedPassword(self.aws.password_data(&self.instance.id).await)
    }

    /// Returns the first password of the Administrator.
    ///
    /// # Errors
    /// There is none, or it cannot be decrypted.
    pub(crate) async fn password(
        &self,
        sealed: SealedPassword,
        key_file: Option<PathBuf>,
    ) -> Result<Secret<String>, NoPassword> {
        find_password(&self.aws, &self.instance, key_file, (sealed.0, self.wait), &self.events).await
    }
}

/// Whether the server may answer once the instance has booted.
fn is_transient(error: &Error) -> bool {
    match error {
        Error::NoDesktop { failed, .. } => failed.iter().any(|failed| failed.error.is_transient()),
        Error::Certificate { source, .. } => {
            matches!(**source, certificate::Error::Io(_) | certificate::Error::Timeout)
        }
        _ => false,
    }
}
