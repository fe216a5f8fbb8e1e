//! `ec2ssh completions SHELL`: the shell's completion script, made from the same definition as the command line itself.

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

/// The script.
pub fn script(shell: ShellName, mut command: Command) -> String {
    let shell = match shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
        ShellName::PowerShell => Shell::PowerShell,
    };
    let mut script = Vec::new();
    generate(shell, &mut command, "ec2ssh", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
