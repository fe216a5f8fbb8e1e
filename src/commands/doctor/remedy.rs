//! `ec2ssh doctor --fix`: makes the changes that are safe, after asking for each, and says how to take them back.

use std::path::Path;

use crate::aws::Aws;
use crate::context::Ctx;
use crate::error::{CommandError, Fix, Remedy};
use crate::ssh::key_file;
use crate::text::shell_word;

/// Offers each change that can be made here.
pub(super) async fn offer(ctx: &Ctx, aws: &Aws, fixes: Vec<Fix>) -> Result<(), CommandError> {
    let ui = &ctx.ui;
    let remedies: Vec<(Fix, Remedy)> =
        fixes.into_iter().filter_map(|fix| fix.remedy.clone().map(|remedy| (fix, remedy))).collect();
    if remedies.is_empty() {
        ui.notice("There is nothing that could be mended safely from here.");
        return Ok(());
    }
    if !ui.can_ask() {
        return Err(CommandError::failed("--fix asks before each change, and there is no terminal"));
    }
    for (fix, remedy) in remedies {
        if ui.confirm(&format!("{}?\n    {}\n", describe(&remedy), fix.command)) == Some(true) {
            ui.notice(&ui.watch(apply(aws, &remedy)).await?);
        }
    }
    Ok(())
}

fn describe(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Restrict(path) => format!("Give {} mode 0400", path.display()),
        Remedy::Start(id) => format!("Start {id}"),
        Remedy::Admit { group, address, port } => format!("Admit {address} to port {port} of {group}"),
    }
}

/// Makes the change, and returns how to take it back.
async fn apply(aws: &Aws, remedy: &Remedy) -> Result<String, CommandError> {
    let account = aws.account();
    let profile = account.profile.as_deref().map_or(String::new(), |name| format!(" --profile {}", shell_word(name)));
    let place = format!("--region {}{profile}", account.region);
    match remedy {
        Remedy::Restrict(path) => restrict(path),
        Remedy::Start(id) => {
            aws.start(id).await?;
            Ok(format!("{id} is starting. To take it back: aws ec2 stop-instances --instance-ids {id} {place}"))
        }
        Remedy::Admit { group, address, port } => {
            let rule = aws.admit(group, *address, *port).await?;
            Ok(format!(
                "Done. To take it back: aws ec2 revoke-security-group-ingress --group-id {} --security-group-rule-ids {} {place}",
                shell_word(group),
                shell_word(&rule)
            ))
        }
    }
}

fn restrict(path: &Path) -> Result<String, CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::failed(format!("cannot change {}", path.display())).cause(error.to_string())
    };
    let before = mode(path).map_err(failed)?;
    key_file::restrict_permissions(path).map_err(failed)?;
    Ok(format!("Done. To take it back: chmod {before:o} {}", shell_word(&path.display().to_string())))
}

#[cfg(unix)]
fn mode(path: &Path) -> std::io::Result<u32> {
    use std::os::unix::fs::MetadataExt;

    Ok(std::fs::metadata(path)?.mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> std::io::Result<u32> {
    Ok(0)
}
