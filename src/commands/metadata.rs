//! `ec2ssh metadata TARGET [PATH]`: the instance metadata, asked for on the instance, over SSH
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>).
//!
//! IMDSv2 only: where a token cannot be had, nothing falls back to IMDSv1.

use std::io::{self, IsTerminal};
use std::pin::Pin;
use std::task::{Context, Poll};

use clap::Args;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;

use super::options::{ConnectArgs, settings};
use super::prompts::prompter;
use crate::aws::model::Account;
use crate::config::HostKeyPolicy;
use crate::connect;
use crate::context::Ctx;
use crate::error::CommandError;
use crate::plan::RoutePlan;
use crate::program::{Exit, Launch, Outputs, Program, Purpose};
use crate::text::{sanitize_document, shell_word};

/// The script that asks, by whatever the instance has: curl, python3 or GNU wget.
const SCRIPT: &str = include_str!("metadata/ask.sh");

/// The exit statuses of the script.
const NO_ANSWER: u32 = 40;
const NO_TOKEN: u32 = 41;
const OFF: u32 = 43;
const ABSENT: u32 = 44;
const NO_TOOL: u32 = 45;

/// The arguments of `ec2ssh metadata`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct MetadataArgs {
    #[command(flatten)]
    pub connect: ConnectArgs,
    /// How to treat a host key that is not known yet
    #[arg(long, value_enum, value_name = "POLICY")]
    pub host_keys: Option<HostKeyPolicy>,
    /// Instance to ask, with the user and port to log in at
    #[arg(value_name = "[USER@]TARGET[:PORT]")]
    pub target: String,
    /// Path as in AWS's documentation, for example meta-data/placement/region; without it, a listing
    #[arg(value_name = "PATH", default_value = "", value_parser = parse_path)]
    pub path: String,
}

/// Asks on the instance, and writes the answer to standard output.
///
/// # Errors
/// The instance cannot be connected to, or its metadata service gives no answer.
pub(crate) async fn run(ctx: &Ctx, args: MetadataArgs) -> Result<u8, CommandError> {
    let ui = &ctx.ui;
    let settings = settings(ctx, args.target.parse()?, args.connect.typed(args.host_keys))?;
    let events = prompter(ui, args.connect.yes);
    ui.doing(&format!("asking AWS for {}", settings.target.selector));
    let session = connect::session(&ctx.aws, settings, Purpose::Bulk, &events);
    let connect::Session { plan, connection, .. } = ui.watch(session).await?;
    ui.doing("asking the instance metadata service");
    let command = format!("exec sh -c '{SCRIPT}' ec2ssh-metadata {}", shell_word(&args.path));
    let launch = Launch { program: Program::Command(command), pty: None, environment: Vec::new(), agent: false };
    let (mut content, mut said) = (Capped::default(), Capped::default());
    let work = async {
        let session = connection.open_session(&launch).await?;
        // The receiver of a sender that is gone: the program gets no input.
        let (_, input) = mpsc::channel(1);
        let outputs = Outputs { stdout: &mut content, stderr: &mut said, close_stdout: || () };
        connection.run(session, input, outputs).await
    };
    let exit = ui.watch(work).await;
    connection.close().await;
    let exit = exit.map_err(|source| connect::Error::Ssh {
        plan: Box::new(plan.route.clone()),
        source: Box::new(source),
        failed: Vec::new(),
    })?;
    if exit != Exit::Status(0) {
        return Err(explain(&exit, &plan.route, &args.path, &String::from_utf8_lossy(&said.0)));
    }
    if io::stdout().is_terminal() {
        ui.out(&(sanitize_document(&String::from_utf8_lossy(&content.0)) + "\n"))?;
    } else {
        ui.out_bytes(&content.0)?;
    }
    Ok(0)
}

/// The limit of an answer in bytes: user data have 16 kB at most, and a hostile machine could send without end.
const MAX_ANSWER: usize = 1 << 20;

/// Output that is kept in memory, up to the limit.
#[derive(Default)]
struct Capped(Vec<u8>);

impl AsyncWrite for Capped {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.0.len() + bytes.len() > MAX_ANSWER {
            return Poll::Ready(Err(io::Error::other("the answer is longer than 1 MB")));
        }
        self.0.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Takes a path as AWS's documentation has it: with or without `/latest/` before it.
fn parse_path(typed: &str) -> Result<String, String> {
    let path = typed.trim_start_matches('/');
    let path = path.strip_prefix("latest/").unwrap_or(if path == "latest" { "" } else { path });
    let is_path = path.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.:%@+=,".contains(c));
    let climbs = path.split('/').any(|part| part == "..");
    if is_path && !climbs {
        Ok(path.to_owned())
    } else {
        Err("a path looks like this: meta-data/placement/region".to_owned())
    }
}

/// Says why there is no answer, and what gives one.
fn explain(exit: &Exit, plan: &RoutePlan, path: &str, said: &str) -> CommandError {
    let (id, account) = (&plan.instance.id, &plan.account);
    let off = "the instance metadata service is off";
    let modify = |options: &str| modify(id, account, options);
    match exit {
        Exit::Status(OFF) => CommandError::failed(off).hint(format!(
            "turn it on, with IMDSv2 only: {}",
            modify("--http-endpoint enabled --http-tokens required")
        )),
        Exit::Status(ABSENT) if path.starts_with("user-data") => {
            CommandError::failed(format!("{id} has no user data")).hint(format!("what there is: ec2ssh metadata {id}"))
        }
        Exit::Status(ABSENT) if path.starts_with("meta-data/tags") => {
            CommandError::failed("the instance metadata service has no tags, or not this one")
                .hint(format!("have it serve them: {}", modify("--instance-metadata-tags enabled")))
        }
        Exit::Status(ABSENT) => CommandError::failed(format!("the instance metadata service has no {path}"))
            .hint(format!("what there is: ec2ssh metadata {id} {}", parent(path))),
        Exit::Status(NO_TOKEN) => CommandError::failed("the instance metadata service gives no token")
            .cause("its answer may take too few hops to get here, as in a container")
            .hint(format!("allow one more hop: {}", modify("--http-put-response-hop-limit 2"))),
        Exit::Status(NO_TOOL) => {
            CommandError::failed(format!("{id} has neither curl nor wget nor python3, one of which is needed"))
        }
        Exit::Status(NO_ANSWER) => CommandError::failed("the instance metadata service does not answer")
            .hint(format!("see its options: ec2ssh info {id}")),
        other => CommandError::failed(format!("the instance cannot ask its metadata service ({other:?})"))
            .cause(said.lines().next().unwrap_or_default()),
    }
}

fn modify(id: &str, account: &Account, options: &str) -> String {
    let profile = account.profile.as_deref().map_or(String::new(), |name| format!(" --profile {}", shell_word(name)));
    format!(
        "aws ec2 modify-instance-metadata-options --instance-id {id} {options} --region {}{profile}",
        account.region
    )
}

fn parent(path: &str) -> &str {
    path.trim_end_matches('/').rsplit_once('/').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_documentation() {
        for (typed, path) in [
            ("meta-data/placement/region", Some("meta-data/placement/region")),
            ("/latest/meta-data/", Some("meta-data/")),
            ("latest", Some("")),
            ("", Some("")),
            ("dynamic/instance-identity/document", Some("dynamic/instance-identity/document")),
            (
                "meta-data/network/interfaces/macs/02:29:96:8f:6a:2d/",
                Some("meta-data/network/interfaces/macs/02:29:96:8f:6a:2d/"),
            ),
            ("meta-data/../x", None),
            ("x'; rm -rf /; '", None),
            ("a b", None),
        ] {
            assert_eq!(parse_path(typed).ok().as_deref(), path, "{typed}");
        }
    }

    /// The script stands in single quotes on the command line of any shell.
    #[test]
    fn script_has_no_single_quote() {
        assert!(!SCRIPT.contains('\''));
        // A C shell would take this as a reference to its history.
        assert!(!SCRIPT.contains('!'));
    }
}
