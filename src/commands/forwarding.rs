//! Sets up the forwards of a session: binds the listeners of this side, asks the server for its own, and serves them all.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::connect;
use crate::error::CommandError;
use crate::event::{Event, Events};
use crate::forward::connections::Connections;
use crate::forward::listen::{BindError, BindOptions, Listener};
use crate::forward::local::{self, Context, Report};
use crate::forward::opener::{BoxFuture, OpenError, Opened, Opener, Reason};
use crate::forward::remote::{self, Standing};
use crate::forward::through_ssh::ThroughSsh;
use crate::forward_spec::{Destination, Forward, Forwards, Listen};
use crate::program::Purpose;
use crate::ssh;
use crate::ssh::client::Connection;
use crate::ssh::incoming::IncomingKind;
use crate::ui::Ui;

/// The forwards of a session, whose listeners on this side are bound.
pub(super) struct Forwarding {
    listeners: Vec<(Arc<Listener>, Destination)>,
    remote: Vec<Forward>,
    agent: Option<String>,
    exit_on_failure: bool,
    /// The connections that are open.
    pub connections: Connections,
}

impl Forwarding {
    /// Binds the listeners of this side: before anything is sent, because a port that is taken is a common mistake.
    ///
    /// # Errors
    /// A listener cannot be bound, and the caller wants to end then.
    pub(super) async fn bind(ui: &Ui, forwards: &Forwards) -> Result<Self, CommandError> {
        let options = BindOptions { gateway: forwards.gateway, unlink: forwards.unlink };
        let mut listeners = Vec::new();
        for forward in &forwards.local {
            match Listener::bind(&forward.listen, options).await {
                Ok(listener) => {
                    listener.failed.iter().for_each(|failed| ui.notice(&format!("Warning: {}", in_words(failed))));
                    announce(ui, forward, &listener);
                    listeners.push((Arc::new(listener), forward.to.clone()));
                }
                Err(error) if forwards.exit_on_failure => return Err(bind_error(&error)),
                Err(error) => ui.notice(&format!("Warning: {}", in_words(&error))),
            }
        }
        let agent = forwards.agent.then(|| std::env::var("SSH_AUTH_SOCK").ok().filter(|path| !path.is_empty()));
        if agent == Some(None) {
            ui.notice("Warning: there is no agent to forward: SSH_AUTH_SOCK is not set");
        }
        Ok(Self {
            listeners,
            remote: forwards.remote.clone(),
            agent: agent.flatten(),
            exit_on_failure: forwards.exit_on_failure,
            connections: Connections::default(),
        })
    }

    /// Whether the caller's agent is forwarded.
    pub(super) fn has_agent(&self) -> bool {
        self.agent.is_some()
    }

    /// Whether the server listens for some of the forwards.
    pub(super) fn has_remote(&self) -> bool {
        !self.remote.is_empty()
    }

    /// Asks the server for its listeners on `connection`, and serves all of them as long as the returned tasks live. The agent is used
    /// on the connection of the session.
    ///
    /// # Errors
    /// The server refuses to listen, and the caller wants to end then.
    pub(super) async fn start(
        &self,
        ui: &Ui,
        opener: Arc<dyn Opener>,
        connection: &Connection,
        session: &Connection,
    ) -> Result<JoinSet<()>, CommandError> {
        let report = report(ui);
        let mut tasks = JoinSet::new();
        for forward in &self.remote {
            match Standing::ask(connection, forward).await {
                Ok(standing) => {
                    if let (Listen::Tcp { port: 0, .. }, Listen::Tcp { port, .. }) = (&forward.listen, &standing.listen)
                    {
                        ui.notice(&format!("Allocated port {port} for remote forward to {}", forward.to));
                    }
                    tasks.spawn(standing.serve(self.connections.clone(), Arc::clone(&report)));
                }
                Err(error) if self.exit_on_failure => return Err(remote_error(forward, &error)),
                Err(error) => {
                    let CommandError { message, causes, .. } = remote_error(forward, &error);
                    ui.notice(&format!("Warning: {message}: {}", causes.join("; ")));
                }
            }
        }
        if let Some(agent) = &self.agent {
            let (incoming, to) = (session.accept(IncomingKind::Agent), Destination::Unix(agent.clone()));
            tasks.spawn(remote::serve(
                incoming,
                "the agent".to_owned(),
                to,
                self.connections.clone(),
                Arc::clone(&report),
            ));
        }
        for (listener, to) in &self.listeners {
            let context = Context {
                opener: Arc::clone(&opener),
                connections: self.connections.clone(),
                report: Arc::clone(&report),
            };
            tasks.spawn(local::serve(Arc::clone(listener), to.clone(), context));
        }
        Ok(tasks)
    }
}

/// Returns what shows the failures of connections.
pub(super) fn report(ui: &Ui) -> Report {
    let ui = ui.clone();
    Arc::new(move |text| ui.notice(&text))
}

/// Says where a listener is that has chosen its port.
fn announce(ui: &Ui, forward: &Forward, listener: &Listener) {
    let line = format!("Forwarding {listener} to {}", forward.to);
    match forward.listen {
        Listen::Tcp { port: 0, .. } => ui.notice(&line),
        _ => ui.step(&line),
    }
}

fn in_words(error: &BindError) -> String {
    format!("{error}: {}", system_error(&error.source))
}

/// Returns the words of the system, without the number behind them.
fn system_error(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// Returns the error of a listener that cannot be bound.
pub(super) fn bind_error(error: &BindError) -> CommandError {
    let failed = CommandError::failed(error.to_string()).cause(system_error(&error.source));
    let port = error.address.rsplit_once(':').map(|(_, port)| port);
    match (error.source.kind(), port) {
        (std::io::ErrorKind::AddrInUse, Some(port)) => {
            failed.hint(format!("see who listens there: ss -ltnp sport = :{port}"))
        }
        (std::io::ErrorKind::AddrNotAvailable, _) => {
            failed.hint("this machine has no such address; see those that it has: ip address")
        }
        (std::io::ErrorKind::PermissionDenied, Some(port)) => {
            failed.hint(format!("ports below 1024 need root; take another one, for example 1{port:0>4}"))
        }
        _ => failed,
    }
}

fn remote_error(forward: &Forward, error: &ssh::Error) -> CommandError {
    let place = match &forward.listen {
        Listen::Tcp { port, .. } => format!("listen port {port}"),
        Listen::Unix(path) => format!("listen path {path}"),
    };
    let failed = CommandError::failed(format!("remote port forwarding failed for {place}")).cause(error.to_string());
    if !matches!(error, ssh::Error::Refused(_)) {
        return failed;
    }
    match &forward.listen {
        Listen::Tcp { .. } => failed.cause(
            "the port is taken there, needs root, or AllowTcpForwarding or PermitListen in sshd_config forbids it",
        ),
        Listen::Unix(_) => failed.cause(
            "the file exists there, and StreamLocalBindUnlink in sshd_config is not set, or AllowStreamLocalForwarding forbids it",
        ),
    }
}

/// An opener whose connection is made when it is first needed.
pub(super) struct OwnConnection(mpsc::Sender<oneshot::Sender<Arc<Connection>>>);

/// Makes the connection of an [`OwnConnection`].
pub(super) struct Provider(mpsc::Receiver<oneshot::Sender<Arc<Connection>>>);

/// Makes a connection of their own for the forwards of a session with a program: bulk data on the session's connection would stand before
/// the keys that are typed, and a reader of the program's output that pauses would stop the forwards. It is made with the first forwarded
/// connection, and again when it has ended.
pub(super) fn own_connection() -> (OwnConnection, Provider) {
    let (ask, asked) = mpsc::channel(16);
    (OwnConnection(ask), Provider(asked))
}

impl Provider {
    /// Makes the connection now.
    pub(super) async fn connect(&self, session: &connect::Session, ui: &Ui) -> Arc<Connection> {
        connect_once_more(session, &steps(ui)).await
    }

    /// Answers those who need the connection, as long as it is polled; `own` has been made already. Nobody is asked anything for its
    /// sake; where it cannot be made the session's own serves.
    pub(super) async fn serve(mut self, session: &connect::Session, ui: &Ui, own: Option<Arc<Connection>>) {
        let events = steps(ui);
        let mut listens = own.clone();
        let mut own = own;
        loop {
            let ended = async {
                match &listens {
                    Some(connection) => connection.closed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                asked = self.0.recv() => {
                    let Some(reply) = asked else { return std::future::pending().await };
                    let connection = match own.take().filter(|connection| !connection.is_closed()) {
                        Some(connection) => connection,
                        None => connect_once_more(session, &events).await,
                    };
                    let _ = reply.send(Arc::clone(&connection));
                    own = Some(connection);
                }
                why = ended => {
                    ui.notice(&format!("Warning: the forwards from the instance have ended: {why}"));
                    listens = None;
                }
            }
        }
    }
}

/// Returns events that show steps alone.
fn steps(ui: &Ui) -> Events {
    let ui = ui.clone();
    Arc::new(move |event| {
        if let Event::Step(text) = event {
            ui.step(&text);
        }
    })
}

async fn connect_once_more(session: &connect::Session, events: &Events) -> Arc<Connection> {
    events(Event::Step("opening a connection for what is forwarded".to_owned()));
    match session.another(Purpose::Bulk, events).await {
        Ok(connection) => Arc::new(connection),
        Err(error) => {
            events(Event::Step(format!("{error}: the session's own connection carries what is forwarded")));
            Arc::clone(&session.connection)
        }
    }
}

impl Opener for OwnConnection {
    fn open<'a>(&'a self, to: &'a Destination, origin: Option<SocketAddr>) -> BoxFuture<'a, Result<Opened, OpenError>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let _ = self.0.send(reply).await;
            let ended = |_| OpenError { reason: Reason::Other, message: "the session has ended".to_owned() };
            ThroughSsh(answer.await.map_err(ended)?).open(to, origin).await
        })
    }
}
