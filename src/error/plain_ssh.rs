//! Hints for somebody who typed `ssh`: the commands that ssh has as well begin with `ssh`.

use super::CommandError;

const PROGRAM: &str = "ec2ssh ";
/// The commands of ec2ssh that a hint may name.
const COMMANDS: [&str; 7] = ["list", "info", "doctor", "config", "known-hosts", "completions", "proxy"];

impl CommandError {
    /// Returns the error with hints for plain ssh.
    #[must_use]
    pub(crate) fn for_plain_ssh(self) -> Self {
        let hints = self.hints.iter().map(|hint| translate(hint)).collect();
        Self { hints, ..self }
    }
}

/// Replaces `ec2ssh` in each command of the hint that ssh understands, which goes through the block as well.
fn translate(hint: &str) -> String {
    let mut translated = String::new();
    let mut rest = hint;
    while let Some(at) = rest.find(PROGRAM) {
        let (before, command) = rest.split_at(at);
        let is_word = before.is_empty() || before.ends_with(' ');
        translated += before;
        translated += if is_word && is_understood(command) { "ssh " } else { PROGRAM };
        rest = &command[PROGRAM.len()..];
    }
    translated + rest
}

/// Whether ssh has all options of the command. Its steps (`-v`) are other ones.
fn is_understood(command: &str) -> bool {
    let end = [";", ", or"].iter().filter_map(|end| command.find(end)).min().unwrap_or(command.len());
    let mut words = command[PROGRAM.len()..end].split_whitespace();
    let first = words.clone().next().unwrap_or_default();
    !COMMANDS.contains(&first) && words.all(|word| word == "--" || !word.starts_with("--") && !word.starts_with("-v"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_ssh_has_begin_with_ssh() {
        for (hint, expected) in [
            ("did you mean: ec2ssh web-1", "did you mean: ssh web-1"),
            ("ec2ssh ubuntu@i-0", "ssh ubuntu@i-0"),
            (
                "use another port: ec2ssh -p PORT i-0; show the log: aws x",
                "use another port: ssh -p PORT i-0; show the log: aws x",
            ),
            ("try another user: ec2ssh ubuntu@i-0, or admin@", "try another user: ssh ubuntu@i-0, or admin@"),
            ("one: ec2ssh --via ssm i-0", "one: ec2ssh --via ssm i-0"),
            ("list: ec2ssh list; other: ec2ssh -- -x", "list: ec2ssh list; other: ssh -- -x"),
            ("see the steps: ec2ssh -vv i-0", "see the steps: ec2ssh -vv i-0"),
            ("run: my-ec2ssh i-0", "run: my-ec2ssh i-0"),
            ("nothing to type", "nothing to type"),
        ] {
            assert_eq!(translate(hint), expected);
        }
    }
}
