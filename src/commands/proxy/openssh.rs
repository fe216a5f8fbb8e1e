//! `proxy --agent PATH`: the ProxyCommand of the block that `ec2ssh config` installs.
//!
//! ```text
//! plain     ssh -- ec2ssh proxy: copies, and is the agent until ssh has logged in
//! --fdpass  ssh -- ec2ssh proxy: waits -- ec2ssh proxy --owner: dials, hands ssh the socket, detaches; is the agent
//! ```
//!
//! A tunnel is not a socket that could be passed on: ssh gets one end of a socket pair, and the detached process stays
//! to copy the bytes until the connection ends.
//!
//! With ProxyUseFdpass ssh continues only after its ProxyCommand has exited. Therefore a child of the ProxyCommand does
//! the work and outlives it. No secret passes between the two processes.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::args::ProxyArgs;
use crate::agent::parent::SshProcess;
use crate::commands::prompts::prompter;
use crate::connect::openssh::{self, Caller, Opened, Report, Reporter};
use crate::context::Ctx;
use crate::error::CommandError;
use crate::openssh::fdpass;
use crate::terminal::raw::{close_stderr, close_stdin, close_stdout};
use crate::text::{instance_word, shell_word};
use crate::transport::link::Link;
use crate::transport::pump::{self, AfterInput};
use crate::trust::lines::at_port;
use crate::ui::Ui;

/// The time that ssh may take to exit after a stream has ended.
const SSH_EXIT_TIMEOUT: Duration = Duration::from_millis(500);

/// Runs the role that the options select: plain, waiting parent or detached child.
pub(super) async fn run(ctx: &Ctx, args: &ProxyArgs, agent: PathBuf) -> Result<u8, CommandError> {
    match (args.openssh.fdpass, args.openssh.owner) {
        (false, _) => Box::pin(plain(ctx, args, agent)).await,
        (true, None) if !fdpass::is_socket(rustix::stdio::stdin()) => {
            explain_pipes(&ctx.ui, args);
            Box::pin(plain(ctx, args, agent)).await
        }
        (true, None) => wait_for_child(&ctx.ui).await,
        (true, Some(owner)) => Box::pin(detached(ctx, args, agent, SshProcess::from_pid(owner))).await,
    }
}

/// Says what a client needs that reads ssh_config and is not OpenSSH, such as paramiko or JSch: it takes no socket, and it does not
/// ask the agent of IdentityAgent for the key.
fn explain_pipes(ui: &Ui, args: &ProxyArgs) {
    let user = args.connect.user.as_deref().map_or(String::new(), |user| format!(" -l {}", shell_word(user)));
    ui.notice("This client takes no socket from its ProxyCommand (ProxyUseFdpass), so ec2ssh carries its bytes.");
    ui.notice(&format!(
        "If it is not OpenSSH, it does not ask for ec2ssh's key either (IdentityAgent): give it a key that the instance knows, or \
         have your own public key pushed, with this ProxyCommand: ec2ssh proxy{user} {}",
        instance_word(&args.target)
    ));
}

async fn plain(ctx: &Ctx, args: &ProxyArgs, agent: PathBuf) -> Result<u8, CommandError> {
    let owner = SshProcess::parent();
    let opened = tokio::select! {
        opened = open(ctx, args, agent, owner) => opened?,
        () = owner.exited() => return Ok(0),
    };
    let mut agent = Box::pin(opened.agent.serve());
    let after = AfterInput::For(SSH_EXIT_TIMEOUT);
    let (input, output) = (tokio::io::stdin(), tokio::io::stdout());
    let mut join = Box::pin(pump::join(input, output, opened.link.into_stream(), close_stdout, after));
    let drain = tokio::select! {
        // ssh may continue in a process that it forked (-f, ControlPersist), so the streams decide when to stop.
        drain = &mut agent => {
            let mut drain = Box::pin(drain?.finish());
            tokio::select! {
                () = &mut drain => join.await?,
                result = &mut join => {
                    result?;
                    close_stderr();
                    drain.await;
                }
            }
            return Ok(0);
        }
        result = &mut join => {
            result?;
            // ssh is about to exit. If its login was denied, the agent still has to report why.
            tokio::time::timeout(SSH_EXIT_TIMEOUT, agent).await
        }
    };
    if let Ok(drain) = drain {
        // A process that reads ssh's standard error to its end would otherwise wait for this process too.
        close_stderr();
        drain?.finish().await;
    }
    Ok(0)
}

/// Starts the child and waits until it has passed the socket on or has failed.
async fn wait_for_child(ui: &Ui) -> Result<u8, CommandError> {
    let mut words: Vec<_> = std::env::args_os().collect();
    let own_name = words.remove(0);
    // The option goes directly after the subcommand, because the target may follow a `--`.
    let insert_at = words.iter().position(|word| word == "proxy").map_or(0, |at| at + 1);
    words.splice(insert_at..insert_at, ["--owner".into(), SshProcess::parent().pid().to_string().into()]);
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command.arg0(own_name).args(words);
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    ui.step("connecting in a separate process, which stays until ssh has logged in");
    let mut done = child.stdout.take().ok_or_else(|| std::io::Error::other("the child has no standard output"))?;
    match done.read_u8().await {
        Ok(_) => Ok(0),
        // The child has already reported the reason.
        Err(_) => Ok(child.wait().await?.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255)),
    }
}

async fn detached(ctx: &Ctx, args: &ProxyArgs, agent: PathBuf, owner: SshProcess) -> Result<u8, CommandError> {
    let Opened { link, agent } = tokio::select! {
        opened = open(ctx, args, agent, owner) => opened?,
        () = owner.exited() => return Ok(0),
    };
    let pump = hand_over(link)?;
    ctx.ui.step("passed the socket to ssh");
    // From here on, signals from the terminal go to ssh only.
    let _ = rustix::process::setsid();
    let mut done = tokio::io::stdout();
    done.write_all(b".").await?;
    done.flush().await?;
    close_stdin();
    close_stdout();
    let agent = async {
        let drain = agent.serve().await;
        // A process that reads ssh's standard error to its end would wait for this process too. A terminal has no such
        // reader.
        if !std::io::stderr().is_terminal() {
            close_stderr();
        }
        drain?.finish().await;
        Ok(())
    };
    let pump = async {
        match pump {
            Some(pump) => pump.await,
            None => Ok(()),
        }
    };
    let (served, pumped): (std::io::Result<()>, std::io::Result<()>) = tokio::join!(agent, pump);
    served.and(pumped)?;
    Ok(0)
}

/// Passes the socket to ssh. For a tunnel, passes one end of a socket pair and returns the future that copies between
/// the other end and the tunnel.
fn hand_over(link: Link) -> Result<Option<impl Future<Output = std::io::Result<()>>>, CommandError> {
    let ssh = rustix::stdio::stdin();
    let stream = match link {
        Link::Socket(socket) => {
            fdpass::hand_over(socket.into_std()?, ssh)?;
            return Ok(None);
        }
        Link::Tunnel(stream) => stream,
    };
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let (input, output) = tokio::net::UnixStream::from_std(ours)?.into_split();
    fdpass::hand_over(theirs, ssh)?;
    // ssh closes both directions of its end at once, so later data from the remote side has no reader.
    Ok(Some(pump::join(input, output, stream, || (), AfterInput::For(SSH_EXIT_TIMEOUT))))
}

async fn open(ctx: &Ctx, args: &ProxyArgs, agent: PathBuf, owner: SshProcess) -> Result<Opened, CommandError> {
    let settings = args.settings(ctx)?;
    let events = prompter(&ctx.ui, args.connect.yes);
    let port = args.connect.port.unwrap_or(22);
    let known_hosts = args.openssh.known_hosts.clone();
    let caller = Caller {
        agent,
        owner,
        known_hosts: known_hosts.map(|file| (file, at_port(&args.target.to_lowercase(), port))),
    };
    ctx.ui.doing(&format!("asking AWS for {}", settings.target.selector));
    let reporter = reporter(&ctx.ui);
    let opened = ctx.ui.watch(openssh::open(&ctx.aws, settings, &caller, &events, &reporter)).await;
    opened.map_err(|error| CommandError::from(error).for_plain_ssh())
}

/// Returns the reporter that shows failures which ssh itself does not explain.
fn reporter(ui: &Ui) -> Reporter {
    let ui = ui.clone();
    Arc::new(move |Report { error, ssh_exited }| {
        if ssh_exited {
            // ssh may have logged in by other means, which ec2ssh cannot see.
            ui.start_new_line();
            ui.notice("The server did not accept the pushed key. If ssh could not log in, the likely reason is:");
        }
        let error = CommandError::from(error).for_plain_ssh().or_shortage();
        ui.error(&error.message, &error.causes, &error.hints);
    })
}
