//! Checks in the sources that each layer of `src` imports only the layers that the map in `src/lib.rs` allows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the layers that each layer may use.
fn allowed() -> BTreeMap<&'static str, &'static [&'static str]> {
    const BASE: &[&str] = &[];
    BTreeMap::from([
        ("text", BASE),
        ("secret", BASE),
        ("confirmation", BASE),
        ("store", BASE),
        ("when", BASE),
        ("target", BASE),
        ("config", BASE),
        ("terminal", BASE),
        ("transport", &["secret"]),
        ("ssh", &["confirmation", "secret", "store", "when"] as &[_]),
        ("ui", &["secret", "text"]),
        ("aws", &["secret", "target", "transport::web"]),
        ("login", &["aws::model"]),
        ("names", &["aws::model", "store"]),
        ("select", &["aws::model", "target"]),
        ("plan", &["aws::model", "config", "login", "target", "text"]),
        ("agent", &["store"]),
        ("openssh", &["store", "text"]),
        (
            "connect",
            &[
                "agent",
                "aws",
                "config",
                "confirmation",
                "login",
                "plan",
                "secret",
                "select",
                "ssh",
                "store",
                "target",
                "text",
                "transport",
                "when",
            ],
        ),
        ("error", &["aws", "config", "connect", "login", "plan", "ssh", "target", "text", "transport", "ui", "when"]),
        ("cli", &["commands", "error", "secret", "terminal", "ui"]),
    ])
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Returns the layer of a file: its first folder under `src`, or else its file name.
fn layer(src: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(src).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Returns every path `crate::a::b` that a source names outside of comments.
fn imported_paths(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let code: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for after in code.split("crate::").skip(1) {
        if let Some(list) = after.strip_prefix('{') {
            let list = list.split('}').next().unwrap_or_default();
            found.extend(list.split(',').map(|item| item.trim().to_owned()));
        } else {
            found.push(after.chars().take_while(|c| c.is_alphanumeric() || matches!(c, ':' | '_')).collect());
        }
    }
    found
}

fn violations(layer: &str, text: &str) -> Vec<String> {
    let rules = allowed();
    let Some(allowed) = rules.get(layer) else { return Vec::new() };
    let fits = |path: &str| {
        let own = path == layer || path.starts_with(&format!("{layer}::"));
        own || allowed.iter().any(|rule| path == *rule || path.starts_with(&format!("{rule}::")))
    };
    imported_paths(text).into_iter().filter(|path| !fits(path)).collect()
}

#[test]
fn layers_import_only_allowed_layers() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for file in sources(&src) {
        let text = fs::read_to_string(&file).unwrap();
        let found = violations(&layer(&src, &file), &text);
        assert!(found.is_empty(), "{} may not use {found:?}", file.display());
        assert!(text.starts_with("//!"), "{} does not open with //!", file.display());
        seen += 1;
    }
    assert!(seen > 30, "only {seen} sources were looked at");
}

#[test]
fn check_detects_violations() {
    assert_eq!(violations("ssh", "use crate::aws::Aws;"), ["aws::Aws"]);
    assert_eq!(violations("transport", "use crate::{ui::Ui, text};"), ["ui::Ui", "text"]);
    assert_eq!(violations("plan", "use crate::aws::Aws;"), ["aws::Aws"]);
    assert!(violations("plan", "use crate::aws::model::Instance;\n// crate::ui").is_empty());
}

/// Only `aws` uses the AWS SDK, only `ssh` uses russh, and only `ui` prints.
#[test]
fn aws_russh_and_printing_stay_in_their_layers() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in sources(&src) {
        let text = fs::read_to_string(&file).unwrap();
        let layer = layer(&src, &file);
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let names = |words: &[&str]| words.iter().any(|word| code.contains(word));
        assert!(layer == "aws" || !names(&["aws_config::", "aws_sdk", "aws_credential"]), "{}", file.display());
        assert!(layer == "ssh" || !names(&["russh::", "russh:{"]), "{}", file.display());
        assert!(layer == "ui" || !names(&["println!", "eprintln!", "io::stderr().lock"]), "{}", file.display());
    }
}
