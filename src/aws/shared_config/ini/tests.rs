//! Tables of lines as Python's configparser reads them; `tests/it/botocore.rs` compares whole files with botocore itself.

use proptest::prelude::*;

use super::{Ini, Problem, nested, parse};

/// Returns the properties as `section/key=value`.
fn read(text: &str) -> Vec<String> {
    let pairs = |section: &super::Section| {
        let name = section.name.clone();
        section.properties.iter().map(|(key, value)| format!("{name}/{key}={value}")).collect::<Vec<_>>()
    };
    parse(text.as_bytes()).sections.iter().flat_map(pairs).collect()
}

#[test]
fn files_are_read_as_by_configparser() {
    let table: &[(&str, &[&str])] = &[
        ("[a]\nk=v", &["a/k=v"]),
        ("[a]\n  k = v\n  l = w", &["a/k=v", "a/l=w"]),
        ("[a]\nk: v\nurl = http://x:1/", &["a/k=v", "a/url=http://x:1/"]),
        ("[a] # who\nk = v", &["a/k=v"]),
        ("[a]trailing words\nk = v", &["a/k=v"]),
        ("[a]\nK_Long = v # kept", &["a/k_long=v # kept"]),
        ("[a]\n# c\n  ; c\nk = v", &["a/k=v"]),
        ("[a]\ns3 =\n  x = 1\n  y = 2\nk = v", &["a/k=v", "a/s3=\nx = 1\ny = 2"]),
        ("[a]\nk = one\n  two\n\n  three\nl = w", &["a/k=one\ntwo\n\nthree", "a/l=w"]),
        ("[a]\n    k = v\n  l = w", &["a/k=v", "a/l=w"]),
        ("[a]\n  k = v\n    = w", &["a/k=v\n= w"]),
        ("[a]\r\nk = v\r\n", &["a/k=v"]),
        ("[a]\rk = v\r", &["a/k=v"]),
        ("\u{feff}[a]\nk = v", &["a/k=v"]),
        ("[DEFAULT]\nk = d\nl = d\n[a]\nk = v", &["a/k=v", "a/l=d"]),
        ("[a]\nk = v\n[b]\nk = w\n[a]\nl = x", &["a/k=v", "a/l=x", "b/k=w"]),
        ("[a]\nk =\nl = v", &["a/k=", "a/l=v"]),
    ];
    for (text, expected) in table {
        assert_eq!(read(text), *expected, "{text:?}");
    }
}

#[test]
fn bad_line_is_a_problem_of_its_section() {
    let problem = |line, text: &str| Some(Problem { line: Some(line), text: text.to_owned() });
    let ini = parse(b"before = all\n[good]\nk = v\n[bad]\nk = v\nnonsense\n= x\n[also-good]\nk = w\n");
    assert_eq!(ini.problem, problem(1, "the line is in no section"));
    let problems: Vec<_> = ini.sections.iter().map(|section| (&*section.name, section.problem.clone())).collect();
    let expected = [("good", None), ("bad", problem(6, "expected 'key = value'")), ("also-good", None)];
    assert_eq!(problems, expected);
    assert_eq!(parse(b"[a]\n: v").sections[0].problem, problem(2, "the key before '=' is empty"));
}

/// The lines below a damaged header belong to nobody: they must not go to the section above.
#[test]
fn damaged_header_takes_its_lines_along() {
    let ini = parse(b"[a]\nk = v\n[b\nk = secret of b\n[c]\nk = w\n");
    assert_eq!(ini.problem, Some(Problem { line: Some(3), text: "the section's header has no ']'".to_owned() }));
    assert_eq!(read("[a]\nk = v\n[b\nk = secret of b\n[c]\nk = w\n"), ["a/k=v", "c/k=w"]);
}

#[test]
fn byte_that_is_not_text_counts_outside_comments() {
    let comment = parse(b"# M\xfcller\n[a]\n; \xff\nk = v\n");
    assert_eq!((comment.problem.clone(), comment.sections[0].problem.clone()), (None, None));
    let value = parse(b"[a]\nk = v\n[b]\nk = M\xfcller\n");
    assert_eq!(value.sections[0].problem, None);
    let expected = Some(Problem { line: Some(4), text: "the byte 0xfc is not valid UTF-8".to_owned() });
    assert_eq!(value.sections[1].problem, expected);
    assert!(parse(b"[\xfc]\nk = v").sections[0].problem.is_some());
}

#[test]
fn subkeys_are_pairs() {
    let pairs: Vec<_> = nested("\nendpoint_url = http://x\n\nnonsense\n= y\nz=").collect();
    assert_eq!(pairs, [("endpoint_url", "http://x"), ("z", "")]);
}

proptest! {
    #[test]
    fn parsing_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        parse(&bytes);
    }

    /// A property that was written plainly is read back.
    #[test]
    fn plain_properties_survive(
        name in "[a-zA-Z0-9_.-]{1,12}", key in "[a-z_]{1,12}", value in "[!-~]([ -~]{0,20}[!-~])?", indent in " {0,6}"
    ) {
        prop_assume!(name != "DEFAULT");
        let Ini { sections, problem } = parse(format!("[{name}]\n{indent}{key} = {value}\n").as_bytes());
        prop_assert!(problem.is_none());
        prop_assert_eq!(&sections[0].name, &name);
        prop_assert_eq!(sections[0].properties.get(&key), Some(&value));
    }
}
