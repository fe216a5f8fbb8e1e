//! `ec2ssh forward TARGET PORT...`: forwards ports until it is interrupted, and comes back by itself.

mod dial;
mod wake;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::forwarding::{bind_error, report};
use super::jump::Common;
use super::options::ConnectArgs;
use super::prompts::prompter;
use super::ssh_options::{Resolved, SshConfigArgs, resolve};
use crate::config::HostKeyPolicy;
use crate::context::Ctx;
use crate::error::{CommandError, ErrorKind};
use crate::event::without_questions;
use crate::forward::connections::Connections;
use crate::forward::listen::{BindOptions, Listener};
use crate::forward::local::{self, Context};
use crate::forward::tunnel::{Change, tunnel};
use crate::forward_spec::{Bind, Destination, Forward, Listen};
use crate::store;
use crate::text::sanitize;
use crate::ui::Ui;

use dial::TunnelDial;
use wake::watch_for_changes;

/// The arguments of `ec2ssh forward`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct ForwardArgs {
    #[command(flatten)]
    pub connect: ConnectArgs,
    #[command(flatten)]
    pub config: SshConfigArgs,
    /// Handle new host keys by this policy
    #[arg(long, value_enum, value_name = "POLICY")]
    pub host_keys: Option<HostKeyPolicy>,
    /// Go through these hosts: instances, or hosts that ssh knows
    #[arg(short = 'J', value_name = "HOST[,HOST]")]
    pub jump: Option<String>,
    /// Listen on this address instead of 127.0.0.1 and ::1; * is all addresses
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<String>,
    /// Forward without a login, by Session Manager's port sessions or an endpoint: no user, key or sshd is needed
    #[arg(long)]
    pub no_login: bool,
    /// End when the connection is lost, instead of connecting again
    #[arg(long)]
    pub once: bool,
    /// Id, address, DNS name, tag:KEY=VALUE, asg:NAME, or Name tag (exact, prefix or glob)
    #[arg(value_name = "[USER@]TARGET[:PORT]")]
    pub target: String,
    /// Ports: 5432, 8080:80 (another one here), :80 (any free one here), 5432@HOST (of a host behind it), or /run/docker.sock
    #[arg(value_name = "[LOCAL:]PORT[@HOST]", required = true, value_parser = Forward::of_command)]
    pub forwards: Vec<Forward>,
}

/// A listener, and where it leads.
struct Bound {
    listener: Arc<Listener>,
    to: Destination,
}

/// Forwards until it is interrupted, or until another attempt to connect would fail as well.
///
/// # Errors
/// A port is taken, or no connection can be made.
pub(crate) async fn run(ctx: &Ctx, args: ForwardArgs) -> Result<u8, CommandError> {
    let ui = &ctx.ui;
    let mut typed = args.connect.typed(args.host_keys);
    typed.options.proxy_jump.clone_from(&args.jump);
    typed.clear_forwards = true;
    let common = Common::of(&args.config, &typed);
    let Resolved { settings, found } = resolve(ctx, &args.target, typed, &args.config).await?;
    if args.no_login && args.forwards.iter().any(|forward| matches!(forward.to, Destination::Unix(_))) {
        let error = CommandError::new(ErrorKind::Usage, "a Unix socket of the instance needs a login");
        return Err(error.hint("leave out --no-login"));
    }
    if args.no_login && settings.jump.is_some() {
        let error = CommandError::new(ErrorKind::Usage, "a jump host needs a login");
        return Err(error.hint("leave out --no-login; without ssh_config's ProxyJump: -J none"));
    }
    let label = settings.target.selector.to_string();
    let bound = bind(&args, &label).await?;
    let mut events = prompter(ui, args.connect.yes);
    if found.batch == Some(true) {
        events = without_questions(events);
    }
    ui.doing(&format!("asking AWS for {label}"));
    let (opener, keeper) = tunnel();
    let context = Context { opener: Arc::new(opener), connections: Connections::default(), report: report(ui) };
    let mut serving = JoinSet::new();
    for Bound { listener, to } in &bound {
        serving.spawn(local::serve(Arc::clone(listener), to.clone(), context.clone()));
    }
    let (changes, woken) = watch::channel(0);
    let destinations = bound.iter().map(|bound| bound.to.clone()).collect();
    let dial = TunnelDial::new(ctx, (settings, common), events, destinations, !args.no_login);
    let told = |change: Change| tell(ui, &label, &bound, change);
    let ended = tokio::select! {
        ended = keeper.keep(dial, woken, args.once, told) => ended.map_err(|error| CommandError::from(error).of_subcommand("forward", " PORT"))?,
        () = watch_for_changes(changes) => return Ok(0),
    };
    Err(CommandError::failed(format!("{label}: connection lost")).cause(ended))
}

/// Binds the listeners, before anything is sent.
async fn bind(args: &ForwardArgs, label: &str) -> Result<Vec<Bound>, CommandError> {
    let mut bound = Vec::new();
    for forward in &args.forwards {
        let (listen, options) = listen_of(forward, args.bind.as_deref(), label)?;
        let listener = Listener::bind(&listen, options).await.map_err(|error| bind_error(&error))?;
        if let Some(failed) = listener.failed.first() {
            return Err(bind_error(failed));
        }
        bound.push(Bound { listener: Arc::new(listener), to: forward.to.clone() });
    }
    Ok(bound)
}

/// Returns where to listen: a Unix socket without a local path gets one of its own.
fn listen_of(forward: &Forward, bind: Option<&str>, label: &str) -> Result<(Listen, BindOptions), CommandError> {
    let usual = BindOptions::default();
    match (&forward.listen, &forward.to, bind) {
        (Listen::Tcp { bind: Bind::Default, port }, _, Some(address)) => {
            let bind = if address == "*" { Bind::All } else { Bind::Address(address.to_owned()) };
            Ok((Listen::Tcp { bind, port: *port }, usual))
        }
        (Listen::Unix(path), Destination::Unix(remote), _) if path.is_empty() => {
            let path = own_socket(label, remote)?;
            // It was left by a process that was killed, if nobody answers there.
            let unlink = std::os::unix::net::UnixStream::connect(&path).is_err();
            Ok((Listen::Unix(path.display().to_string()), BindOptions { unlink, ..usual }))
        }
        (listen, ..) => Ok((listen.clone(), usual)),
    }
}

/// Returns the path of a socket that only the caller can reach.
fn own_socket(label: &str, remote: &str) -> Result<PathBuf, CommandError> {
    let none = || {
        CommandError::new(ErrorKind::Usage, "there is no folder for the socket")
            .hint(format!("name a path: ec2ssh forward {label} ./socket:{remote}"))
    };
    let folder = store::runtime_folder().ok_or_else(none)?;
    crate::agent::socket::private_folder(&folder)?;
    let name = remote.rsplit('/').next().unwrap_or("socket");
    let safe: String =
        label.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    Ok(folder.join(format!("{safe}-{name}")))
}

fn tell(ui: &Ui, label: &str, bound: &[Bound], change: Change) {
    match change {
        Change::Up => {
            ui.clear_progress();
            for Bound { listener, to } in bound {
                // A reader that has gone is no reason to end.
                let _ = ui.out(&format!("{}\n", sanitize(&format!("Forwarding {listener} to {to} on {label}"))));
            }
        }
        Change::Lost(reason) => {
            let reason = reason.split(" (os error").next().unwrap_or_default();
            ui.notice(&format!("Connection to {label} lost ({reason}); connecting again"));
        }
        Change::Failing(reason) => ui.notice(&format!("Still trying to connect to {label}: {reason}")),
        Change::Back(after) => ui.notice(&format!("Connected to {label} again, after {:.1} s", after.as_secs_f32())),
        Change::Renewed => ui.step("a new connection has replaced the one that is about to end"),
    }
}
