//! The sources of the product, without their tests.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file under `src`.
pub(super) struct Source {
    /// The path, from `src` on.
    pub path: String,
    /// The module that the file is: `["trust", "console"]`.
    pub module: Vec<String>,
    /// The text as it is.
    pub text: String,
}

impl Source {
    /// Makes a source of this module path.
    pub(super) fn of(module: &str, text: &str) -> Self {
        let module: Vec<String> = module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Self { path: format!("{}.rs", module.join("/")), module, text: text.to_owned() }
    }

    /// The text without the lines that are comments.
    pub(super) fn code(&self) -> String {
        self.text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }

    /// Returns the syntax tree of the file.
    pub(super) fn tree(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    /// The first folder or file under `src`: the room that the file belongs to.
    pub(super) fn room(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }
}

/// Returns the sources of the product, without test modules.
pub(super) fn product() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let found = rust_files(&src).into_iter().map(|path| read(&src, &path));
    let all: Vec<Source> = found.filter(|source| !is_test(&source.module)).collect();
    assert!(all.len() > 100, "only {} sources were found", all.len());
    all
}

fn is_test(module: &[String]) -> bool {
    module.iter().any(|name| name == "tests" || name == "testing")
}

fn read(src: &Path, path: &Path) -> Source {
    let relative = path.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
    let text = fs::read_to_string(path).unwrap();
    let names = relative.trim_end_matches(".rs").split('/').filter(|name| !matches!(*name, "mod" | "lib" | "main"));
    let module = names.map(str::to_owned).collect();
    Source { path: relative, module, text }
}

/// Returns every Rust file below the folder, sorted.
pub(super) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    let mut files: Vec<PathBuf> =
        all.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect();
    files.sort();
    files
}
