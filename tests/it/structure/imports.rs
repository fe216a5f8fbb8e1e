//! The imports between files: `use` trees with their nesting, and paths in the code. `super::` and `self::` are resolved, and a
//! name that a module passes on with `use` counts as an import of the file that defines it.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::sources::Source;

/// The imports of each file, by its index.
pub(super) type Graph = Vec<BTreeSet<usize>>;

/// Returns the imports between the sources. A parent's re-export of a child does not count.
pub(super) fn graph(sources: &[Source]) -> Graph {
    let modules: BTreeMap<&[String], usize> = sources
        .iter()
        .enumerate()
        .filter(|(_, one)| one.path != "main.rs")
        .map(|(at, one)| (&one.module[..], at))
        .collect();
    let collected: Vec<Collector> = sources.iter().map(Collector::of).collect();
    let edges = |from: usize| {
        let paths = collected[from].paths.iter().filter_map(|path| resolve(path, &modules, &collected, 0));
        paths.filter(|to| *to != from).collect()
    };
    (0..sources.len()).map(edges).collect()
}

/// Returns the file that a path from the root leads to.
fn resolve(
    path: &[String],
    modules: &BTreeMap<&[String], usize>,
    collected: &[Collector],
    depth: usize,
) -> Option<usize> {
    let (length, file) = (0..=path.len()).rev().find_map(|length| Some((length, *modules.get(&path[..length])?)))?;
    let name = path.get(length);
    let passed_on = name.and_then(|name| collected[file].names.get(name)).filter(|_| depth < 8);
    match passed_on {
        Some(real) => {
            let real: Vec<String> = real.iter().chain(&path[length + 1..]).cloned().collect();
            resolve(&real, modules, collected, depth + 1).or(Some(file))
        }
        None => Some(file),
    }
}

/// The paths that a file names, and the names that it imports.
struct Collector {
    module: Vec<String>,
    /// The modules inside the file that the visitor is in.
    inner: Vec<String>,
    paths: BTreeSet<Vec<String>>,
    names: BTreeMap<String, Vec<String>>,
    children: BTreeSet<String>,
}

impl Collector {
    fn of(source: &Source) -> Self {
        let mut one = Self {
            module: source.module.clone(),
            inner: Vec::new(),
            paths: BTreeSet::new(),
            names: BTreeMap::new(),
            children: BTreeSet::new(),
        };
        let tree = source.tree();
        for item in &tree.items {
            if let syn::Item::Mod(module) = item {
                one.children.insert(module.ident.to_string());
            }
        }
        // The names first, because code may stand above the `use` that it depends on.
        for item in &tree.items {
            if let syn::Item::Use(item) = item
                && !is_for_tests(&item.attrs)
            {
                one.visit_item_use(item);
            }
        }
        one.visit_file(&tree);
        one
    }

    /// Returns the path from the root, or `None` if it leads to another crate or names something local.
    fn absolute(&self, path: &[String], is_use: bool) -> Option<Vec<String>> {
        let mut here: Vec<String> = self.module.iter().chain(&self.inner).cloned().collect();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => {
                here.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {}
            // A child of this module, in a path of this module's own.
            child if self.inner.is_empty() && self.children.contains(child) && (is_use || rest.len() > 1) => {}
            _ => return None,
        }
        while rest.first().is_some_and(|name| name == "super") {
            here.pop();
            rest = &rest[1..];
        }
        here.extend(rest.iter().cloned());
        Some(here)
    }

    fn import(&mut self, tree: &syn::UseTree, prefix: &[String], re_exported: bool) {
        let with = |ident: &syn::Ident| prefix.iter().cloned().chain([ident.to_string()]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.import(&path.tree, &with(&path.ident), re_exported),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix, re_exported);
                }
            }
            syn::UseTree::Glob(_) => self.named(prefix.to_vec(), None, re_exported),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.named(prefix.to_vec(), prefix.last().cloned(), re_exported);
            }
            syn::UseTree::Name(name) => self.named(with(&name.ident), Some(name.ident.to_string()), re_exported),
            syn::UseTree::Rename(name) => self.named(with(&name.ident), Some(name.rename.to_string()), re_exported),
        }
    }

    fn named(&mut self, path: Vec<String>, name: Option<String>, re_exported: bool) {
        let Some(path) = self.absolute(&path, true) else { return };
        if let Some(name) = name {
            self.names.insert(name, path.clone());
        }
        let is_child = path.len() > self.module.len() && path.starts_with(&self.module);
        if !(re_exported && is_child) {
            self.paths.insert(path);
        }
    }

    /// Collects the paths in a macro's tokens, which have no syntax tree.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if path.is_empty() || colons == 2 => {
                    path.push(ident.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() && colons < 2 => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    self.path(&path);
                    path = vec![ident.to_string()];
                    colons = 0;
                    continue;
                }
                _ => {}
            }
            self.path(&path);
            path.clear();
            colons = 0;
        }
        self.path(&path);
    }

    /// Collects a path in the code, which may begin with a name that the file imports: `frame::Kind`.
    fn path(&mut self, path: &[String]) {
        let Some((first, rest)) = path.split_first() else { return };
        match self.names.get(first).filter(|_| self.inner.is_empty()) {
            Some(real) => {
                let real = real.iter().chain(rest).cloned().collect();
                self.paths.insert(real);
            }
            None if !rest.is_empty() => self.paths.extend(self.absolute(path, false)),
            None => {}
        }
    }
}

/// Whether the attributes say that the item is for tests only.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|one| {
        one.path().is_ident("cfg") && matches!(&one.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        _ => &[],
    }
}

impl<'a> Visit<'a> for Collector {
    fn visit_item(&mut self, item: &'a syn::Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        self.inner.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.inner.pop();
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.import(&item.tree, &[], !matches!(item.vis, syn::Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.path(&names);
        visit::visit_path(self, path);
    }

    fn visit_meta_list(&mut self, list: &'a syn::MetaList) {
        self.tokens(list.tokens.clone());
    }

    fn visit_macro(&mut self, item: &'a syn::Macro) {
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}

/// Returns the circles: groups of files each of which imports, by others, itself.
pub(super) fn circles(graph: &Graph) -> Vec<Vec<usize>> {
    let reachable: Vec<BTreeSet<usize>> = (0..graph.len()).map(|from| reach(graph, from)).collect();
    let circle = |from: usize| -> Vec<usize> {
        reachable[from].iter().copied().filter(|to| reachable[*to].contains(&from)).collect()
    };
    let mut all: Vec<Vec<usize>> =
        (0..graph.len()).filter(|from| reachable[*from].contains(from)).map(circle).collect();
    all.dedup();
    all.sort();
    all.dedup();
    all
}

fn reach(graph: &Graph, from: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<usize> = graph[from].iter().copied().collect();
    while let Some(file) = next.pop() {
        if seen.insert(file) {
            next.extend(&graph[file]);
        }
    }
    seen
}

#[test]
fn nested_super_and_passed_on_imports_are_found() {
    let sources = [
        Source::of("a", "mod one; mod two; pub use one::One; use crate::{b::{self, Deep}, c};"),
        Source::of("a::one", "use super::two::{Two, self as other}; fn f() -> super::Deep { crate::c::g() }"),
        Source::of("a::two", "use crate::a::One; #[cfg(test)] mod tests { use crate::c; }"),
        Source::of("b", "fn f() { let x = vec![crate::c::g(1)]; } mod inner { use super::super::a::one; }"),
        Source::of("c", "// crate::a\nfn g() {} // super::b"),
        Source::of(
            "d",
            "use crate::a; use crate::b as other; #[arg(parser = crate::c::g)] fn f(x: a::One) { other::f() }",
        ),
        Source::of("e", "mod deep; pub use deep::Deep; enum All { One(Deep) }"),
        Source::of("e::deep", "use super::All; fn f() { m!(return crate::b::f()) }"),
    ];
    let graph = graph(&sources);
    let imports = |from: usize| graph[from].iter().copied().collect::<Vec<_>>();
    assert_eq!(imports(0), [3, 4], "a re-export of a child does not count");
    assert_eq!(imports(1), [2, 3, 4], "Deep is defined in b");
    assert_eq!(imports(2), [1], "One is defined in a::one, and tests do not count");
    assert_eq!(imports(3), [1, 4], "macros and inner modules count");
    assert_eq!(imports(4), [0; 0]);
    assert_eq!(imports(5), [0, 1, 3, 4], "names that the file imports, and attributes");
    assert_eq!(imports(6), [7], "a name that is re-exported and used is an import");
    assert_eq!(imports(7), [3, 6]);
    assert_eq!(circles(&graph), [vec![1, 2, 3], vec![6, 7]]);
}
