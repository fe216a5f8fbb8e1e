//! `ec2ssh completions SHELL`: prints the shell's completion script, which is generated from the definition of the
//! command line.

use clap::builder::Resettable;
use clap::{Args, Command, ValueEnum};
use clap_complete::{Shell, generate};

use crate::error::CommandError;
use crate::ui::Ui;

/// The shells that have completion scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub(crate) enum ShellName {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
}

/// The arguments of `ec2ssh completions`.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct CompletionsArgs {
    /// Shell to complete for
    #[arg(value_enum)]
    pub shell: ShellName,
}

/// Prints the completion script of the shell.
///
/// # Errors
/// Fails if standard output cannot be written.
pub(crate) fn run(ui: &Ui, args: CompletionsArgs, command: Command) -> Result<u8, CommandError> {
    ui.out(&script(args.shell, command))?;
    Ok(0)
}

/// Returns the script: clap's part for options and subcommands, and the part that completes instance names.
pub(crate) fn script(name: ShellName, command: Command) -> String {
    let mut command = without_positionals(&command);
    let shell = match name {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
        ShellName::PowerShell => Shell::PowerShell,
    };
    let mut script = Vec::new();
    generate(shell, &mut command, "ec2ssh", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match name {
        ShellName::Bash => script + include_str!("names.bash"),
        ShellName::Fish => with_values_for_fish(&script) + include_str!("names.fish"),
        ShellName::Zsh => with_names_for_zsh(&script),
        ShellName::PowerShell => script,
    }
}

/// Returns the command tree without the TARGET of the short form and without hidden subcommands: clap's scripts do not
/// support a subcommand in the place of a positional argument, and list hidden subcommands too.
fn without_positionals(command: &Command) -> Command {
    let without_positional_conflicts = |argument: &clap::Arg| {
        let conflicts_with_positional =
            command.get_arg_conflicts_with(argument).iter().any(|other| other.is_positional());
        if conflicts_with_positional {
            argument.clone().conflicts_with(Resettable::<clap::Id>::Reset)
        } else {
            argument.clone()
        }
    };
    let options =
        command.get_arguments().filter(|argument| !argument.is_positional()).map(without_positional_conflicts);
    let visible = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).cloned();
    Command::new("ec2ssh").args(options).subcommands(visible)
}

/// Has profiles and regions completed by `__fish_ec2ssh_instances`, and takes the value of `--wait` as optional.
fn with_values_for_fish(script: &str) -> String {
    let line = |line: &str| match line.strip_suffix(" -r") {
        Some(option) if option.contains(" -l profile ") || option.contains(" -l region ") => {
            format!("{option} -x -a \"(__fish_ec2ssh_instances)\"\n")
        }
        Some(option) if option.contains(" -l wait ") => format!("{option}\n"),
        _ => line.replace(" wait= ", " wait=? ") + "\n",
    };
    script.lines().map(line).collect()
}

/// Has a TARGET completed by `_ec2ssh_instances`, and the first word too, because it may be a subcommand or a TARGET.
fn with_names_for_zsh(script: &str) -> String {
    let lines = script.lines().map(|line| {
        let is_target =
            ["'::target ", "':target ", "'::pattern "].iter().any(|begin| line.trim_start().starts_with(begin));
        let line = if is_target { line.replace(":_default'", ":_ec2ssh_instances'") } else { line.to_owned() };
        line.replace(
            "_describe -t commands 'ec2ssh commands' commands",
            "_ec2ssh_instances; _describe -t commands 'ec2ssh commands' commands",
        )
    });
    let mut lines: Vec<String> = lines.collect();
    // The first lines tell zsh what the file is for, so the function follows them.
    let insert_at = lines.iter().position(|line| line.starts_with("_ec2ssh()")).unwrap_or(lines.len());
    // The words up to the cursor are saved before the subcommands' functions narrow `words`.
    lines.insert(
        insert_at + 1,
        "    local -a _ec2ssh_words=(\"${(@)words[2,CURRENT-1]}\" \"$PREFIX\")\n    _ec2ssh_special && return 0"
            .to_owned(),
    );
    lines.insert(insert_at, include_str!("names.zsh").to_owned());
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests;
