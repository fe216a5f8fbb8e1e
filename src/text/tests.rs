//! Escaping of untrusted text, redacted secrets and times.

use crate::secret::Secret;
use crate::text::{sanitize, sanitize_document, sanitize_lines, shell_word};
use crate::when::{age, utc};
use proptest::prelude::*;

#[test]
fn control_characters_become_visible() {
    assert_eq!(sanitize("a\u{1b}[31mb\u{7}\r\n\t\u{9b}\u{202e}c"), r"a\u{1b}[31mb\u{7}\u{d}\u{a}\u{9}\u{9b}\u{202e}c");
    assert_eq!(sanitize("Ünïcödé ✓ 名前"), "Ünïcödé ✓ 名前");
    assert_eq!(sanitize_lines("a\r\nb\u{1b}c\n"), "a\nb\\u{1b}c");
}

#[test]
fn secret_is_redacted_in_debug_output() {
    let secret = Secret::new("hunter2".to_owned());
    assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "(redacted) Some((redacted))");
    assert_eq!(secret.expose(), "hunter2");
}

#[test]
fn times_are_human_readable() {
    assert_eq!(utc(0), "1970-01-01 00:00Z");
    assert_eq!(utc(1_795_435_200), "2026-11-23 12:00Z");
    assert_eq!(utc(i64::MAX), "");
    let ages = [(5, "5s"), (119, "119s"), (120, "2m"), (7_199, "119m"), (7_200, "2h"), (172_800, "2d"), (-5, "0s")];
    for (seconds, text) in ages {
        assert_eq!(age(1_000_000, 1_000_000 - seconds), text);
    }
}

proptest! {
    #[test]
    fn no_control_characters_are_left(text in any::<String>()) {
        prop_assert!(!sanitize(&text).chars().any(char::is_control));
    }

    #[test]
    fn shell_word_round_trips(text in "[^\0]{0,40}") {
        let command = format!("printf %s {}", shell_word(&text));
        let output = std::process::Command::new("/bin/sh").args(["-c", &command]).output().unwrap();
        prop_assert_eq!(String::from_utf8_lossy(&output.stdout), text);
    }
}

#[test]
fn documents_keep_tabs_and_lose_colors() {
    assert_eq!(sanitize_document("\tif\t[ok]\r\n\u{1b}[0;32mOK\u{1b}[m"), "\tif\t[ok]\nOK");
    assert_eq!(sanitize_document("\u{1b}[2Jx\u{1b}[31"), r"\u{1b}[2Jx\u{1b}[31");
}
