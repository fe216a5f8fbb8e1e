//! `ec2ssh completions SHELL`: the shell's completion script, made from the same definition as the command line itself.

use clap::builder::Resettable;
use clap::{Args, Command, ValueEnum};
use clap_complete::{Shell, generate};

use crate::error::CommandError;
use crate::ui::Ui;

/// The shells there are scripts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ShellName {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
}

/// What may be typed.
#[derive(Args, Clone, Copy, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: ShellName,
}

/// Prints it.
///
/// # Errors
/// When standard output fails.
pub fn run(ui: &Ui, args: CompletionsArgs, command: Command) -> Result<u8, CommandError> {
    ui.out(&script(args.shell, command))?;
    Ok(0)
}

/// The script: clap's for the options and subcommands, and what has the instances' names in it.
pub fn script(name: ShellName, command: Command) -> String {
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
        ShellName::Fish => script + include_str!("names.fish"),
        ShellName::Zsh => with_names_for_zsh(&script),
        ShellName::PowerShell => script,
    }
}

/// The tree without the INSTANCE of the short form: clap's scripts do not know that a subcommand may stand in its place,
/// nor that there are hidden ones.
fn without_positionals(command: &Command) -> Command {
    let alone = |argument: &clap::Arg| {
        let has_gone = command.get_arg_conflicts_with(argument).iter().any(|other| other.is_positional());
        if has_gone { argument.clone().conflicts_with(Resettable::<clap::Id>::Reset) } else { argument.clone() }
    };
    let options = command.get_arguments().filter(|argument| !argument.is_positional()).map(alone);
    let visible = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).cloned();
    Command::new("ec2ssh").args(options).subcommands(visible)
}

/// An INSTANCE is completed by our function, and so is the first word, which may be a subcommand too.
fn with_names_for_zsh(script: &str) -> String {
    let lines = script.lines().map(|line| {
        let is_instance =
            ["'::instance ", "':instance ", "'::pattern "].iter().any(|begin| line.trim_start().starts_with(begin));
        let line = if is_instance { line.replace(":_default'", ":_ec2ssh_instances'") } else { line.to_owned() };
        line.replace(
            "_describe -t commands 'ec2ssh commands' commands",
            "_ec2ssh_instances; _describe -t commands 'ec2ssh commands' commands",
        )
    });
    let mut lines: Vec<String> = lines.collect();
    // Behind the first lines, which tell zsh what the file is for.
    let behind = lines.iter().position(|line| line.starts_with("_ec2ssh()")).unwrap_or(lines.len());
    // Its words up to the cursor, before the subcommands' functions narrow them.
    lines.insert(behind + 1, "    local -a _ec2ssh_words=(\"${(@)words[2,CURRENT-1]}\" \"$PREFIX\")".to_owned());
    lines.insert(behind, include_str!("names.zsh").to_owned());
    lines.join("\n") + "\n"
}
