//! The options `-o` and `-F`, and ssh_config: merged with what was typed into the settings of a connection.

use std::path::PathBuf;

use clap::Args;

use super::options::settings;
use crate::config::Options;
use crate::context::Ctx;
use crate::error::{CommandError, ErrorKind};
use crate::settings::{Settings, Typed};
use crate::ssh_config::{self, Files, Found, Host, Log, Outcome};
use crate::target::Target;
use crate::transport::tcp::IpFamily;
use crate::ui::{Ui, Verbosity};

/// The options of ssh for its own options.
#[derive(Args, Clone, Debug, Default)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct SshConfigArgs {
    /// Set an option of ssh_config(5), for example ServerAliveInterval=30
    #[arg(short = 'o', value_name = "OPTION=VALUE")]
    pub options: Vec<String>,
    /// Read this file in place of the usual ssh_config files; none reads none
    #[arg(short = 'F', value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// The settings of a connection, and what the options of ssh say beside them.
pub(super) struct Resolved {
    /// The settings, merged from all places.
    pub settings: Settings,
    /// The words of `-o` and ssh_config; their options are in the settings.
    pub found: Found,
}

impl SshConfigArgs {
    fn files(&self) -> Files {
        match &self.file {
            None => Files::Usual,
            Some(path) if path.as_os_str() == "none" => Files::None,
            Some(path) => Files::Only(path.clone()),
        }
    }
}

/// Merges what was typed with `-o`, the config file and ssh_config.
///
/// # Errors
/// An option, the target or a file is invalid.
pub(super) async fn resolve(
    ctx: &Ctx,
    target: &str,
    mut typed: Typed,
    args: &SshConfigArgs,
) -> Result<Resolved, CommandError> {
    let mut by_option = ssh_config::typed(&args.options).map_err(|error| {
        CommandError::new(ErrorKind::Usage, error.to_string()).hint("the options are those of ssh: man ssh_config")
    })?;
    let parsed: Target = target.parse()?;
    let name = parsed.selector.to_string();
    let user = parsed.user.as_deref().or(typed.options.user.as_deref());
    let host = Host { name: &name, user, port: parsed.port.or(typed.options.port) };
    let in_files = match ssh_config::read(host, &args.files()).await {
        Outcome::Found(found) => *found,
        Outcome::Nothing => Found::default(),
        Outcome::Unknown(why) | Outcome::Broken(why) if args.file.is_some() => return Err(CommandError::failed(why)),
        Outcome::Broken(why) => {
            ctx.ui.notice(&format!("Warning: {why}: only ec2ssh's own options count"));
            Found::default()
        }
        Outcome::Unknown(why) => {
            ctx.ui.step(&format!("{why}: only ec2ssh's own options count"));
            Found::default()
        }
    };
    by_option.options.identity = by_option.identity();
    if let (None, Some(missing)) =
        (&by_option.options.identity, by_option.identities.iter().find(|path| *path != "none"))
    {
        ctx.ui.notice(&format!("Warning: there is no key file {missing}"));
    }
    in_files.unusable.iter().for_each(|why| ctx.ui.step(&format!("ssh_config: {why}")));
    let mut config = in_files.options.clone();
    config.identity = in_files.identity();
    typed.options = joined(typed.options, &by_option.options);
    typed.ssh_config = config;
    let found = by_option.or(in_files);
    typed.clear_forwards |= found.clear_forwards.unwrap_or_default();
    if let (IpFamily::Any, Some(ipv4)) = (typed.family, found.ipv4) {
        typed.family = if ipv4 { IpFamily::V4 } else { IpFamily::V6 };
    }
    set_log(&ctx.ui, found.log);
    name_lacking(&ctx.ui, &name, &found.lacking);
    let settings = match &found.host_name {
        Some(host) => {
            ctx.ui.step(&format!("ssh_config: {name} is {host}"));
            let Target { selector, .. } = host.parse()?;
            settings(ctx, Target { selector, ..parsed }, typed)?
        }
        None => settings(ctx, parsed, typed)?,
    };
    Ok(Resolved { settings, found })
}

/// Adds the options of `-o` to those with letters of their own: lists grow, and for the rest the letters count.
fn joined(letters: Options, by_option: &Options) -> Options {
    fn both<T: Clone>(first: &Option<Vec<T>>, second: &Option<Vec<T>>) -> Option<Vec<T>> {
        let all: Vec<T> = first.iter().chain(second).flatten().cloned().collect();
        (!all.is_empty()).then_some(all)
    }
    let (local, remote, dynamic) = (
        both(&letters.local_forward, &by_option.local_forward),
        both(&letters.remote_forward, &by_option.remote_forward),
        both(&letters.dynamic_forward, &by_option.dynamic_forward),
    );
    Options { local_forward: local, remote_forward: remote, dynamic_forward: dynamic, ..letters.or(by_option) }
}

/// Sets the amount of output, unless `-v` or `-q` was typed.
fn set_log(ui: &Ui, log: Option<Log>) {
    if ui.verbosity() != Verbosity::default() {
        return;
    }
    match log {
        Some(Log::Quiet) => ui.set_verbosity(Verbosity { quiet: true, verbose: 0 }),
        Some(Log::Verbose) => ui.set_verbosity(Verbosity { quiet: false, verbose: 1 }),
        Some(Log::Usual) | None => {}
    }
}

fn name_lacking(ui: &Ui, name: &str, lacking: &[String]) {
    if !lacking.is_empty() {
        let names = lacking.join(", ");
        ui.notice(&format!(
            "Warning: ec2ssh does not have {names}; ssh does, and connects through ec2ssh after: ec2ssh config install --match {name}"
        ));
    }
}
