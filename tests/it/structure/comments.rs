//! Checks that every file says what it owns, and every doc comment something: no fragment under four words, and none that begins
//! with a pronoun in place of the thing.

use super::sources::{Source, rust_files};

const PRONOUNS: &[&str] = &[
    "it", "its", "they", "their", "theirs", "them", "we", "our", "ours", "us", "you", "your", "he", "she", "his",
    "her", "this", "that", "these", "those", "who", "whose", "which", "what", "whatever", "whoever", "one", "ones",
];
const MIN_WORDS: usize = 4;
const MAX_NAME_WORDS: usize = 8;

/// Returns the doc comments of a text, each with the number of its first line.
fn doc_comments(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let Some(comment) = line.strip_prefix("///").or(line.strip_prefix("//!")) else {
            is_open = false;
            continue;
        };
        match found.last_mut().filter(|_| is_open) {
            Some((_, all)) => {
                all.push('\n');
                all.push_str(comment);
            }
            None => found.push((index + 1, comment.to_owned())),
        }
        is_open = true;
    }
    found
}

fn complaint(text: &str) -> Option<&'static str> {
    // The first paragraph has to stand on its own.
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    let first = words.first().unwrap_or(&"").trim().trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    if PRONOUNS.contains(&first.as_str()) {
        return Some("begins with a pronoun");
    }
    (words.len() < MIN_WORDS).then_some("is under four words")
}

fn checked() -> Vec<Source> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src", "tests", "examples", "fuzz/fuzz_targets"].map(|folder| root.join(folder));
    let files = folders.iter().flat_map(|folder| rust_files(folder)).map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().trim_end_matches(".rs").replace('/', "::");
        Source::of(&name, &text)
    });
    files.collect()
}

#[test]
fn doc_comments_say_something() {
    let mut found = Vec::new();
    for source in checked() {
        let comments = doc_comments(&source.text);
        let complaints = comments.iter().filter_map(|(line, text)| Some((line, complaint(text)?, text)));
        found.extend(complaints.map(|(line, why, text)| format!("{}:{line} {why}: {text}", source.path)));
    }
    assert!(found.is_empty(), "{} of them: {found:#?}", found.len());
}

/// A test's name is easy to grep, and its story is in its doc comment.
#[test]
fn names_of_tests_are_short() {
    let mut found = Vec::new();
    for source in checked() {
        let mut is_test = false;
        for line in source.text.lines().map(str::trim) {
            let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            match name.and_then(|name| name.split('(').next()) {
                Some(name) if is_test && name.split('_').count() > MAX_NAME_WORDS => found.push(name.to_owned()),
                _ => {}
            }
            is_test =
                line.starts_with("#[test]") || line.starts_with("#[tokio::test") || is_test && line.starts_with('#');
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_file_says_what_it_owns() {
    for source in checked() {
        assert!(source.text.starts_with("//!"), "{} does not begin with //!", source.path);
    }
}

#[test]
fn weak_doc_comments_are_found() {
    assert!(complaint("It.").is_some() && complaint("Its own, which is the first one.").is_some());
    assert!(complaint("").is_some() && complaint("The port.\n\nMore of it than before.").is_some());
    assert!(complaint("The port.").is_some() && complaint("What the far side said of it.").is_some());
    assert!(complaint("The port of the server.").is_none() && complaint("Returns `a b` as JSON.").is_none());
}
