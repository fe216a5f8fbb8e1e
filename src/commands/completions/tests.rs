//! Tests that the generated files in the repository are up to date.

use std::path::Path;

use crate::commands::completions::{ShellName, script};

#[test]
fn the_completion_scripts_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    let files = [
        (ShellName::Bash, "ec2ssh.bash"),
        (ShellName::Zsh, "_ec2ssh"),
        (ShellName::Fish, "ec2ssh.fish"),
        (ShellName::PowerShell, "_ec2ssh.ps1"),
    ];
    for (shell, name) in files {
        let fresh = script(shell, crate::cli::command());
        let path = folder.join(name);
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(&path, &fresh).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == fresh, "{name} is out of date: UPDATE_GENERATED=1 cargo nextest run completions");
    }
}
