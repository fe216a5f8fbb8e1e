//! `ec2ssh rdp TARGET`: the desktop of a Windows instance: tunnel, certificate, password, client.

mod clipboard;
mod launch;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::forwarding::{bind_error, report};
use super::options::{FindArgs, settings};
use super::prompts::prompter;
use crate::config::{HostKeyPolicy, Via};
use crate::connect::{self, NoPassword, RDP_PORT, RemoteDesktop};
use crate::context::Ctx;
use crate::error::{CommandError, ErrorKind, no_password};
use crate::forward::connections::Connections;
use crate::forward::listen::{BindOptions, Listener};
use crate::forward::local::{self, Context};
use crate::forward::opener::asking;
use crate::forward_spec::{Bind, Listen};
use crate::rdp::certificate::Certificate;
use crate::rdp::client::Desktop;
use crate::rdp::negotiation::Security;
use crate::secret::Secret;
use crate::text::sanitize;
use crate::trust::certificates::Certificates;
use crate::trust::rdp::{RdpRefusal, RdpVerifier, Shown};
use crate::ui::Ui;

/// The user whose first password EC2 knows; some images have it in another language.
const ADMINISTRATOR: &str = "Administrator";

/// The arguments of `ec2ssh rdp`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct RdpArgs {
    #[command(flatten)]
    pub find: FindArgs,
    /// Log in as this user (without it: Administrator, the only one whose password EC2 knows)
    #[arg(short = 'l', long, value_name = "USER", value_parser = user)]
    pub user: Option<String>,
    /// Decrypt the password with this key file (a .pem must have mode 0400); without it, the key pair's in ~/.ssh
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Connect to this port of the instance
    #[arg(short, long, value_name = "PORT", default_value_t = RDP_PORT, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Use this route only: eice, ssm or direct; auto tries them in this order
    #[arg(long, value_enum, value_name = "ROUTE", hide_possible_values = true)]
    pub via: Option<Via>,
    /// Handle a certificate that the console does not vouch for: auto asks, strict refuses, accept-new trusts the first one
    #[arg(long, value_enum, value_name = "POLICY", hide_possible_values = true)]
    pub host_keys: Option<HostKeyPolicy>,
    /// Trust the certificate with this SHA-1 thumbprint, and no other
    #[arg(long, value_name = "HEX", value_parser = thumbprint)]
    pub thumbprint: Option<String>,
    /// Listen on this local port, instead of a free one
    #[arg(long, value_name = "PORT")]
    pub local_port: Option<u16>,
    /// Open the tunnel, print its address and start no client
    #[arg(long)]
    pub print: bool,
    /// Print the password and stop
    #[arg(long, conflicts_with = "print")]
    pub password: bool,
    /// Put the password on the clipboard
    #[arg(long)]
    pub copy: bool,
    /// Id, address, DNS name, tag:KEY=VALUE, asg:NAME, or Name tag (exact, prefix or glob)
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Give the client these words, too: after --
    #[arg(value_name = "CLIENT OPTIONS", last = true, conflicts_with_all = ["print", "password"])]
    pub extra: Vec<String>,
}

/// Whether this is the user whose first password EC2 knows, in one of the languages of Windows.
fn is_administrator(user: &str) -> bool {
    const NAMES: [&str; 7] = [
        ADMINISTRATOR,
        "Administrateur",
        "Administrador",
        "Administratör",
        "Järjestelmänvalvoja",
        "Rendszergazda",
        "Администратор",
    ];
    NAMES.iter().any(|name| name.to_lowercase() == user.to_lowercase())
}

/// Checks a user of Windows; the name becomes a word of the client's command line.
fn user(text: &str) -> Result<String, String> {
    let fits = (1..=104).contains(&text.chars().count())
        && !text.chars().any(|c| c.is_control() || "\"/[]:;|=,+*?<>&%".contains(c));
    if fits { Ok(text.to_owned()) } else { Err("not a user name of Windows".to_owned()) }
}

fn thumbprint(text: &str) -> Result<String, String> {
    let digits: String = text.chars().filter(|c| !": ".contains(*c)).collect();
    let fits = digits.len() == 40 && digits.chars().all(|c| c.is_ascii_hexdigit());
    if fits { Ok(digits) } else { Err("a SHA-1 thumbprint has 40 hexadecimal digits".to_owned()) }
}

/// Opens the desktop and waits for the client's end.
///
/// # Errors
/// The instance is not found, no way leads to it, its certificate is refused, or the client fails.
pub(crate) async fn run(ctx: &Ctx, args: RdpArgs) -> Result<u8, CommandError> {
    let ui = &ctx.ui;
    let mut typed = args.find.typed();
    (typed.options.host_keys, typed.options.via) = (args.host_keys, args.via);
    typed.options.identity.clone_from(&args.identity);
    let settings = settings(ctx, args.target.parse()?, typed)?;
    let user = match (&args.user, &settings.target.user) {
        (Some(user), _) => user.clone(),
        (None, Some(typed)) => user(typed).map_err(|problem| CommandError::new(ErrorKind::Usage, problem))?,
        (None, None) => ADMINISTRATOR.to_owned(),
    };
    let (policy, key_file) = (settings.host_keys, settings.identity.clone());
    let events = prompter(ui, args.find.yes);
    ui.doing(&format!("asking AWS for {}", args.target));
    let found = ui.watch(connect::desktop(&ctx.aws, settings, args.port, &events)).await;
    let desktop = found.map_err(|error| CommandError::from(error).of_subcommand("rdp", ""))?;
    if args.password && !is_administrator(&user) {
        let error = CommandError::new(ErrorKind::Usage, "EC2 knows the password of Administrator only");
        return Err(error.hint("leave out -l"));
    }
    if args.password {
        let sealed = ui.watch(desktop.sealed_password()).await;
        let password = ui.watch(desktop.password(sealed, key_file)).await;
        return show_password(ui, &args, &desktop, password).await;
    }
    ui.doing(&format!("reading the certificate of {}", desktop.instance.id));
    let wants_password = desktop.instance.is_windows() && is_administrator(&user) && (!args.print || args.copy);
    let sealed = async { if wants_password { Some(desktop.sealed_password().await) } else { None } };
    let all = async { tokio::join!(desktop.certificate(), desktop.printed_thumbprint(), sealed) };
    let (certificate, printed, sealed) = ui.watch(all).await;
    let certificate = certificate?;
    let store = Certificates::of_the_user();
    let (instance_id, label) = (desktop.instance.id.clone(), desktop.instance.label().to_owned());
    let expected = args.thumbprint.clone();
    let verifier = RdpVerifier { instance_id, label, policy, expected, store, events };
    let shown = Shown { thumbprint: certificate.thumbprint(), sha256: certificate.sha256() };
    let judged = verifier.judge(&shown, printed.as_deref()).await;
    judged.map_err(|refusal| refused(&desktop.instance.id, &shown, &refusal))?;
    let password = match sealed {
        Some(sealed) => Some(ui.watch(desktop.password(sealed, key_file)).await),
        None => None,
    };
    let password = match password {
        Some(Err(error)) => {
            if args.copy {
                return Err(no_password(&desktop.instance.id, error));
            }
            tell_no_password(ui, &desktop, error);
            None
        }
        Some(Ok(password)) => Some(password),
        None => None,
    };
    if let (true, Some(password)) = (args.copy, &password) {
        clipboard::copy(ui, password).await?;
    }
    serve(ui, (&args, &user), &desktop, &certificate, password).await
}

async fn show_password(
    ui: &Ui,
    args: &RdpArgs,
    desktop: &RemoteDesktop,
    password: Result<Secret<String>, NoPassword>,
) -> Result<u8, CommandError> {
    let password = password.map_err(|error| no_password(&desktop.instance.id, error))?;
    if args.copy {
        clipboard::copy(ui, &password).await?;
    }
    ui.out(&format!("{}\n", password.expose()))?;
    Ok(0)
}

/// Says why there is no password; the user may know one.
fn tell_no_password(ui: &Ui, desktop: &RemoteDesktop, error: NoPassword) {
    let error = no_password(&desktop.instance.id, error);
    ui.notice(&format!("No password of {ADMINISTRATOR}: {}", sanitize(&error.causes.join("; "))));
    for hint in error.hints {
        ui.notice(&format!("Hint: {}", sanitize(&hint)));
    }
}

fn refused(id: &str, shown: &Shown, refusal: &RdpRefusal) -> CommandError {
    let error = CommandError::failed(format!("certificate verification failed for {id}"))
        .cause(format!("its server shows the certificate {}", shown.thumbprint))
        .cause(refusal.to_string());
    let read = "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop'";
    let error = match refusal {
        RdpRefusal::Changed { .. } => {
            error.cause("Windows makes a new one every six months, and another machine has another one")
        }
        RdpRefusal::Contradicted { .. } => error.cause("Windows may have made a new one since it booted"),
        RdpRefusal::NotExpected { .. } | RdpRefusal::Unknown => error,
    };
    error
        .hint(format!("read it on the instance: ec2ssh ssm {id} \"{read}\""))
        .hint(format!("if it is the same there: ec2ssh rdp --thumbprint {} {id}", shown.thumbprint))
}

/// Serves the tunnel as long as the client runs.
async fn serve(
    ui: &Ui,
    (args, user): (&RdpArgs, &str),
    desktop: &RemoteDesktop,
    certificate: &Certificate,
    password: Option<Secret<String>>,
) -> Result<u8, CommandError> {
    let listen = Listen::Tcp { bind: Bind::Address("127.0.0.1".to_owned()), port: args.local_port.unwrap_or_default() };
    let listener = Listener::bind(&listen, BindOptions::default()).await.map_err(|error| bind_error(&error))?;
    if let Some(failed) = listener.failed.first() {
        return Err(bind_error(failed));
    }
    let port = listener.port().ok_or_else(|| CommandError::failed("the tunnel has no local port"))?;
    let (opener, asked) = asking();
    let connections = Connections::default();
    let context = Context { opener: Arc::new(opener), connections: connections.clone(), report: report(ui) };
    let tunnel = local::serve(Arc::new(listener), desktop.destination(), context);
    let sha256 = certificate.sha256();
    let started = Desktop {
        port,
        user,
        instance_id: &desktop.instance.id,
        sha256: &sha256,
        has_password: password.is_some(),
        nla: certificate.security == Security::Nla,
        extra: &args.extra,
    };
    let client = launch::run(ui, args.print, &started, certificate, password, &connections);
    tokio::select! {
        ended = client => ended,
        () = tunnel => Err(CommandError::failed("the tunnel has ended")),
        () = desktop.ports.serve(asked) => Err(CommandError::new(ErrorKind::Failed, "the tunnel has ended")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_thumbprints_are_checked() {
        for name in ["Administrator", "Admin istrateur", "CORP\\alice", "bob@corp.example"] {
            assert!(user(name).is_ok(), "{name}");
        }
        for name in ["", "/p:x", "a:b", "a\nb", "a&b", "x%0a"] {
            assert!(user(name).is_err(), "{name:?}");
        }
        assert_eq!(thumbprint(&"aB:".repeat(20)).unwrap(), "aB".repeat(20));
        assert!(thumbprint("abc").is_err() && thumbprint(&"xy".repeat(20)).is_err());
    }
}
