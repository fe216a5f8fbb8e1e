//! `proxy --agent PATH`: the ProxyCommand of the block that `ec2ssh config` installs.
//!
//! ```text
//! plain     ssh -- ec2ssh proxy: copies, and is the agent until ssh has logged in
//! --fdpass  ssh -- ec2ssh proxy: waits -- ec2ssh proxy --owner: dials, hands ssh the socket, detaches; is the agent
//! ```
//!
//! A tunnel is no socket that could be handed over: ssh is given one end of a pair, and the detached process stays to carry
//! the bytes until the connection ends.
//!
//! With ProxyUseFdpass ssh goes on only when its ProxyCommand has exited; so it is a child of that one who does the work,
//! and outlives it. No secret passes between the two.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ProxyArgs;
use crate::agent::owner::Owner;
use crate::commands::answers::person;
use crate::connect::openssh::{self, Caller, Opened};
use crate::error::CommandError;
use crate::ssh::host_keys::lines::at_port;
use crate::terminal::raw::{close_stderr, close_stdin, close_stdout};
use crate::transport::fdpass;
use crate::transport::link::Link;
use crate::transport::pump::{self, AfterInput};
use crate::ui::Ui;

/// From the end of a stream to ssh's own end.
const ITS_END: Duration = Duration::from_millis(500);

/// Runs the part that the options name.
pub async fn run(ui: &Ui, args: &ProxyArgs, agent: PathBuf) -> Result<u8, CommandError> {
    match (args.openssh.fdpass, args.openssh.owner) {
        (false, _) => Box::pin(plain(ui, args, agent)).await,
        (true, None) => wait_for_child(ui).await,
        (true, Some(owner)) => Box::pin(detached(ui, args, agent, Owner::numbered(owner))).await,
    }
}

async fn plain(ui: &Ui, args: &ProxyArgs, agent: PathBuf) -> Result<u8, CommandError> {
    let owner = Owner::parent();
    let opened = tokio::select! {
        opened = open(ui, args, agent, owner) => opened?,
        () = owner.gone() => return Ok(0),
    };
    let mut agent = Box::pin(opened.agent.serve());
    let after = AfterInput::For(ITS_END);
    let (input, output) = (tokio::io::stdin(), tokio::io::stdout());
    let mut join = Box::pin(pump::join(input, output, opened.link, close_stdout, after));
    let rest = tokio::select! {
        // ssh may have gone on in a process of its own making (-f, ControlPersist): the streams decide.
        rest = &mut agent => {
            let mut rest = Box::pin(rest?.finish());
            tokio::select! {
                () = &mut rest => join.await?,
                result = &mut join => {
                    result?;
                    close_stderr();
                    rest.await;
                }
            }
            return Ok(0);
        }
        result = &mut join => {
            result?;
            // ssh is about to end: if it was not let in, the agent has something to say.
            tokio::time::timeout(ITS_END, agent).await
        }
    };
    if let Ok(rest) = rest {
        // Whoever reads what ssh says would wait for us, too.
        close_stderr();
        rest?.finish().await;
    }
    Ok(0)
}

/// Starts the child and waits until it has handed the socket over, or has failed.
async fn wait_for_child(ui: &Ui) -> Result<u8, CommandError> {
    let mut words: Vec<_> = std::env::args_os().collect();
    let own_name = words.remove(0);
    // Right behind the subcommand: the instance may follow a `--`.
    let behind = words.iter().position(|word| word == "proxy").map_or(0, |at| at + 1);
    words.splice(behind..behind, ["--owner".into(), Owner::parent().number().to_string().into()]);
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command.arg0(own_name).args(words);
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    ui.step("the connection is made by a process of its own, which stays until ssh has logged in");
    let mut done = child.stdout.take().ok_or_else(|| std::io::Error::other("the child has no standard output"))?;
    match done.read_u8().await {
        Ok(_) => Ok(0),
        // It has said why.
        Err(_) => Ok(child.wait().await?.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255)),
    }
}

async fn detached(ui: &Ui, args: &ProxyArgs, agent: PathBuf, owner: Owner) -> Result<u8, CommandError> {
    let Opened { link, agent } = tokio::select! {
        opened = open(ui, args, agent, owner) => opened?,
        () = owner.gone() => return Ok(0),
    };
    let pump = hand_over(link)?;
    ui.step("ssh has the socket");
    // From here on the terminal's signals are ssh's alone.
    let _ = rustix::process::setsid();
    let mut done = tokio::io::stdout();
    done.write_all(b".").await?;
    done.flush().await?;
    close_stdin();
    close_stdout();
    let agent = async {
        let rest = agent.serve().await;
        // Whoever reads what ssh says to its end would wait for us; on a terminal nobody does.
        if !std::io::stderr().is_terminal() {
            close_stderr();
        }
        rest?.finish().await;
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

/// Gives ssh the socket; of a tunnel, one end of a pair of sockets, of which we have to serve the other for as long as it
/// lasts.
fn hand_over(link: Link) -> Result<Option<impl Future<Output = std::io::Result<()>>>, CommandError> {
    let ssh = rustix::stdio::stdin();
    let stream = match link {
        Link::Socket(socket) => {
            fdpass::hand_over(socket.into_std()?, ssh)?;
            return Ok(None);
        }
        tunnel @ Link::Tunnel { .. } => tunnel,
    };
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let (input, output) = tokio::net::UnixStream::from_std(ours)?.into_split();
    fdpass::hand_over(theirs, ssh)?;
    // ssh closes its end as a whole: what the far side says then has no reader.
    Ok(Some(pump::join(input, output, stream, || (), AfterInput::For(ITS_END))))
}

async fn open(ui: &Ui, args: &ProxyArgs, agent: PathBuf, owner: Owner) -> Result<Opened, CommandError> {
    let wish = args.wish()?;
    let events = person(ui, args.connect.yes);
    let port = args.connect.port.unwrap_or(22);
    let known_hosts = args.openssh.known_hosts.clone();
    let caller = Caller {
        agent,
        owner,
        known_hosts: known_hosts.map(|file| (file, at_port(&args.instance.to_lowercase(), port))),
    };
    Ok(openssh::open(wish, &caller, &events).await?)
}
