//! `ec2ssh info TARGET`: all that AWS knows of an instance, and its raw texts: user data, console, screenshot.

mod report;
mod user_data;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::options::{AwsOptions, OutputOptions, lookup_error};
use crate::aws::{self, Aws};
use crate::context::Ctx;
use crate::error::CommandError;
use crate::event::Events;
use crate::find::{self, Located, single};
use crate::login::default_login_user;
use crate::target::Target;
use crate::text::{sanitize_document, sanitize_json, sanitize_lines};
use crate::ui::Ui;
use crate::when::now;

use report::{Part, Report};

/// The arguments of `ec2ssh info`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub aws: AwsOptions,
    #[command(flatten)]
    pub output: OutputOptions,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Write the user data, unpacked, to standard output
    #[arg(long, group = "raw")]
    pub user_data: bool,
    /// Write the console output to standard output
    #[arg(long, group = "raw")]
    pub console: bool,
    /// Write a picture of the screen (JPEG) to this file
    #[arg(long, value_name = "FILE", group = "raw")]
    pub screenshot: Option<PathBuf>,
    /// Id, address, DNS name, tag:KEY=VALUE, asg:NAME, or Name tag (exact, prefix or glob)
    #[arg(value_name = "TARGET")]
    pub target: String,
}

/// Prints what was asked for.
///
/// # Errors
/// There is not exactly one such instance, AWS cannot be asked, or the output cannot be written.
pub(crate) async fn run(ctx: &Ctx, args: InfoArgs) -> Result<u8, CommandError> {
    let ui = &ctx.ui;
    let target: Target = args.target.parse()?;
    let access = args.aws.clone().access(ctx, &target.selector.to_string())?;
    ui.doing(&format!("asking AWS for {}", target.selector));
    let aws = ui.watch(ctx.aws.get(&access, false)).await?;
    let instance = ui.watch(single(&aws, &target.selector)).await.map_err(lookup_error)?;
    let id = instance.id.clone();
    if args.user_data {
        let packed = ui.watch(aws.user_data(&id)).await?;
        return write_raw(ui, &user_data::unpack(&packed), &format!("{id} has no user data."));
    }
    if args.console {
        let nothing = format!("{id} has no console output yet; EC2 posts it some minutes after the boot.");
        return write_raw(ui, &ui.watch(console(&aws, &id)).await?, &nothing);
    }
    if let Some(file) = &args.screenshot {
        let picture = ui.watch(aws.screenshot(&id)).await?;
        return write_picture(ui, file, &picture);
    }
    let located = Located { account: aws.account().clone(), instance, booting: None };
    let report = ui.watch(gather(&aws, &located)).await;
    let text = if args.json {
        sanitize_json(&(serde_json::to_string_pretty(&report).map_err(std::io::Error::other)? + "\n"))
    } else {
        sanitize_lines(&report.text(now())) + "\n"
    };
    ui.out(&text)?;
    Ok(0)
}

/// Asks for everything side by side. A part that is denied says which IAM action is missing, and the rest is shown.
async fn gather(aws: &Aws, located: &Located) -> Report {
    let (instance, id) = (&located.instance, located.instance.id.as_str());
    let silent: Events = Arc::new(|_| ());
    let (details, status, image, agent, termination, stop, user_data) = tokio::join!(
        aws.details(id),
        aws.instance_status(id),
        find::image(aws, located, &silent),
        aws.agent_state(id),
        aws.is_termination_protected(id),
        aws.is_stop_protected(id),
        aws.user_data(id)
    );
    Report {
        instance: instance.clone(),
        region: located.account.region.clone(),
        default_user: default_login_user(image.as_ref()).user,
        image_name: image.map(|image| image.name).filter(|name| !name.is_empty()),
        details: part(details),
        status: part(status),
        agent: part(agent),
        termination_protected: part(termination),
        stop_protected: part(stop),
        user_data_size: part(user_data.map(|packed| user_data::unpack(&packed).len())),
    }
}

fn part<T>(result: Result<T, aws::Error>) -> Part<T> {
    result.map_or_else(
        |error| match &error {
            aws::Error::Service { call, .. } if error.is_denial() => {
                Part::unknown(format!("not allowed: {}", call.iam_action()))
            }
            other => Part::unknown(other.to_string()),
        },
        Part::Known,
    )
}

/// Returns the latest console output, or the one that was posted after boot where there is no other.
async fn console(aws: &Aws, id: &str) -> Result<Vec<u8>, aws::Error> {
    match aws.console(id, true).await {
        // Only Nitro instances have a latest output.
        Ok(latest) if !latest.bytes.is_empty() => Ok(latest.bytes),
        Ok(_) | Err(_) => Ok(aws.console(id, false).await?.bytes),
    }
}

/// Writes bytes as they are; on a terminal their control characters are escaped, and their colors are left out.
fn write_raw(ui: &Ui, bytes: &[u8], nothing: &str) -> Result<u8, CommandError> {
    if bytes.is_empty() {
        ui.notice(nothing);
    } else if std::io::stdout().is_terminal() {
        ui.out(&(sanitize_document(&String::from_utf8_lossy(bytes)) + "\n"))?;
    } else {
        ui.out_bytes(bytes)?;
    }
    Ok(0)
}

fn write_picture(ui: &Ui, file: &Path, picture: &[u8]) -> Result<u8, CommandError> {
    if picture.is_empty() {
        return Err(CommandError::failed("EC2 sent no picture of the screen"));
    }
    std::fs::write(file, picture)
        .map_err(|error| CommandError::failed(format!("cannot write {}", file.display())).cause(error.to_string()))?;
    ui.notice(&format!("Wrote {} ({} kB).", file.display(), picture.len().div_ceil(1000)));
    Ok(0)
}
