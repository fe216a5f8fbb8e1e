//! Checks that the lower rooms do not know what they are used for: no word of EC2 in `ssh` and `transport`, and none of SSH in
//! `transport`.

use super::sources::product;

const EC2: &[&str] = &["ec2", "aws", "amazon", "instance", "instances", "console", "ami", "eice", "ssm"];
const SSH: &[&str] = &["ssh", "openssh", "sshd", "sftp", "known_hosts", "publickey"];

/// Returns the forbidden words of a text, with their lines.
fn forbidden(text: &str, words: &[&str]) -> Vec<String> {
    let is_forbidden = |line: &str| {
        // The name of a library of ciphers.
        let line = split_camel_case(&line.replace("aws_lc_rs", "")).to_lowercase();
        line.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| words.contains(&word) || word.split('_').any(|part| words.contains(&part)))
    };
    let lines = text.lines().enumerate().filter(|(_, line)| is_forbidden(line));
    lines.map(|(number, line)| format!("{}: {}", number + 1, line.trim())).collect()
}

/// Separates the words of `InstanceId`.
fn split_camel_case(line: &str) -> String {
    let mut split = String::new();
    for (index, c) in line.char_indices() {
        if c.is_uppercase() && line[..index].ends_with(char::is_lowercase) {
            split.push(' ');
        }
        split.push(c);
    }
    split
}

#[test]
fn ssh_and_transport_have_no_word_of_ec2() {
    let lower = product().into_iter().filter(|source| matches!(source.room(), "ssh" | "transport"));
    let found: Vec<_> = lower.map(|source| (source.path.clone(), forbidden(&source.text, EC2))).collect();
    let found: Vec<_> = found.into_iter().filter(|(_, words)| !words.is_empty()).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn transport_has_no_word_of_ssh() {
    for source in product().iter().filter(|source| source.room() == "transport") {
        let found = forbidden(&source.text, SSH);
        assert!(found.is_empty(), "{}: {found:#?}", source.path);
    }
}

#[test]
fn forbidden_words_are_found() {
    assert_eq!(forbidden("a\nthe instance\nInstanceId\nec2ssh", EC2), ["2: the instance", "3: InstanceId"]);
    assert_eq!(forbidden("let ssh_line = 1;", SSH), ["1: let ssh_line = 1;"]);
}
