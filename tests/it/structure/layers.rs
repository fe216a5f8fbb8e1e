//! Checks who imports whom: rooms by the table below, and files among each other.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Graph, circles, graph};
use super::sources::{Source, product};

/// The rooms that each room may import, from the top down. A new room gets a row, and `src/lib.rs` a line on the map.
const ROOMS: &[(&str, &str)] = &[
    ("internals", "aws cli config connect settings terminal trust"),
    ("cli", "commands context error secret ssm store terminal ui"),
    (
        "commands",
        "agent aws config connect context diagnose error event facts find forward forward_spec key_holder login openssh plan program rdp route secret \
         settings ssh ssh_config ssm store table target terminal text transport trust ui when",
    ),
    ("context", "aws config ui"),
    ("error", "aws config connect diagnose find plan route ssh ssm store table target text trust web when"),
    ("diagnose", "aws config facts login plan route target transport trust when"),
    (
        "connect",
        "agent aws boot config confirm event facts find forward forward_spec io key_holder login plan program rdp route secret settings ssh ssm store transport \
         trust when",
    ),
    ("facts", "aws config confirm event find plan route settings ssh target transport trust web"),
    ("key_holder", "agent ssh store when"),
    ("find", "account aws boot config event plan settings store target when"),
    ("route", "aws boot config confirm eice event plan ssm store text transport web when"),
    ("trust", "aws config confirm event plan settings ssh store when"),
    ("plan", "aws config login settings target text transport"),
    ("settings", "aws config forward_spec login target transport"),
    ("login", "aws text"),
    ("event", "aws secret ssh"),
    ("aws", "account io secret store target web when"),
    ("eice", "web"),
    ("forward", "forward_spec io ssh"),
    ("rdp", ""),
    ("ssm", "io program secret web when"),
    ("ssh_config", "config forward_spec target"),
    ("web", "io secret transport"),
    ("ssh", "io program secret"),
    ("transport", "io"),
    ("terminal", "program"),
    ("ui", "secret table text"),
    ("table", "text"),
    ("openssh", "config store text"),
    ("agent", "store"),
    ("boot", ""),
    ("account", ""),
    ("config", "forward_spec target"),
    ("confirm", ""),
    ("forward_spec", ""),
    ("io", ""),
    ("program", ""),
    ("secret", ""),
    ("store", ""),
    ("target", ""),
    ("text", ""),
    ("when", ""),
];

/// Returns the imports from room to room, each with one file as its example.
fn between_rooms<'a>(sources: &'a [Source], graph: &Graph) -> BTreeMap<(&'a str, &'a str), String> {
    let mut found = BTreeMap::new();
    for (from, imports) in graph.iter().enumerate() {
        for to in imports {
            let (from, to) = (&sources[from], &sources[*to]);
            if from.room() != to.room() {
                found.insert((from.room(), to.room()), format!("{} imports {}", from.path, to.path));
            }
        }
    }
    found
}

/// All sources are parsed once for these checks.
#[test]
fn imports_follow_the_map() {
    let sources = product();
    let graph = graph(&sources);
    let between_rooms = between_rooms(&sources, &graph);
    rooms_import_only_what_the_table_allows(&sources, &between_rooms);
    independent_rooms_stay_independent(&between_rooms);
    no_file_imports_itself_through_others(&sources, &graph);
    pure_rooms_see_only_the_model(&sources, &graph);
}

fn rooms_import_only_what_the_table_allows(sources: &[Source], found: &BTreeMap<(&str, &str), String>) {
    let allowed: BTreeSet<(&str, &str)> =
        ROOMS.iter().flat_map(|(room, below)| below.split_whitespace().map(move |below| (*room, below))).collect();
    let forbidden: Vec<&String> =
        found.iter().filter(|(edge, _)| !allowed.contains(*edge)).map(|(_, one)| one).collect();
    assert!(forbidden.is_empty(), "{forbidden:#?}");
    let unused: Vec<_> = allowed.iter().filter(|edge| !found.contains_key(*edge)).collect();
    assert!(unused.is_empty(), "nobody uses these lines of the table: {unused:?}");
    for source in sources {
        assert!(
            matches!(source.room(), "lib" | "main") || ROOMS.iter().any(|(room, _)| *room == source.room()),
            "no row: {}",
            source.path
        );
    }
}

/// The order of the rows is the order of the layers.
#[test]
fn arrows_go_down_only() {
    let rank = |room: &str| ROOMS.iter().position(|(name, _)| *name == room).unwrap();
    for (room, below) in ROOMS {
        for below in below.split_whitespace() {
            assert!(rank(room) < rank(below), "{room} is not above {below}");
        }
    }
}

fn no_file_imports_itself_through_others(sources: &[Source], graph: &Graph) {
    let name = |circle: Vec<usize>| circle.into_iter().map(|file| sources[file].path.clone()).collect::<Vec<_>>();
    let circles: Vec<_> = circles(graph).into_iter().map(name).collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

/// `ui`, `terminal`, `ssh`, `transport` and `aws` import none of each other, and nothing below the commands imports `ui`.
fn independent_rooms_stay_independent(found: &BTreeMap<(&str, &str), String>) {
    const INDEPENDENT: [&str; 5] = ["ui", "terminal", "ssh", "transport", "aws"];
    for ((from, to), example) in found {
        assert!(!(INDEPENDENT.contains(from) && INDEPENDENT.contains(to)), "{example}");
        assert!(*to != "ui" || matches!(*from, "cli" | "commands" | "context"), "{example}");
    }
}

/// Pure decisions know the plain types of AWS's answers, and not the calls.
fn pure_rooms_see_only_the_model(sources: &[Source], graph: &Graph) {
    const PURE: [&str; 6] = ["diagnose", "event", "login", "plan", "settings", "testing"];
    for (from, imports) in graph.iter().enumerate() {
        let is_pure = PURE.contains(&sources[from].room()) || sources[from].path == "find/select.rs";
        for to in imports.iter().map(|to| &sources[*to]).filter(|to| is_pure && to.room() == "aws") {
            assert!(to.path.starts_with("aws/model"), "{} imports {}", sources[from].path, to.path);
        }
    }
}

/// Only `aws` uses the AWS SDK, only `ssh` uses russh, only `ui` prints, and only `when` reads the clock.
#[test]
fn libraries_stay_in_their_rooms() {
    const OWNERS: &[(&str, &[&str])] = &[
        (
            "aws",
            &[
                "aws_config::",
                "aws_sdk",
                "aws_credential",
                "aws_smithy_runtime_api::",
                "aws_smithy_types::",
                "aws_sigv4::",
                "aws_types::",
            ],
        ),
        ("ssh", &["russh"]),
        ("when", &["SystemTime::now", "now_utc"]),
        ("ui", &["println!", "eprintln!", "print!", "eprint!", "io::stderr().lock", "io::stdout().write", "indicatif"]),
    ];
    for source in product() {
        let code = source.code();
        for (room, words) in OWNERS {
            let named = words.iter().find(|word| code.contains(*word));
            assert!(source.room() == *room || named.is_none(), "{} uses {named:?}", source.path);
        }
    }
}
