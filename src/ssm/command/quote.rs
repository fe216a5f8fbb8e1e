//! Quotes words for POSIX shells.

/// Quotes a word for sh. The quotes also separate `{{`, which Systems Manager would take for a parameter of its document.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r#"'"'"'"#).replace("{{", "{''{").replace("{{", "{''{"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::quote;

    #[test]
    fn shell_reads_the_word_back() {
        let words =
            ["", "a b", "it's", "''", "\"x\"", "$HOME `id` \\n\\", "{{.Names}} {{{ }} {{{{", "a\nb\tc", "# é ~ *"];
        for word in words {
            let quoted = quote(word);
            assert!(!quoted.contains("{{"), "{quoted}");
            let read = Command::new("/bin/sh").args(["-c", &format!("printf %s {quoted}")]).output().unwrap();
            assert_eq!(String::from_utf8(read.stdout).unwrap(), word);
        }
    }
}
