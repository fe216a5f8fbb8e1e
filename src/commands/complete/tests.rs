//! Tests of the word under the cursor.

use super::*;

fn tree() -> Command {
    let mut tree = crate::cli::command();
    tree.build();
    tree
}

#[test]
fn instance_words_are_recognized() {
    let tree = tree();
    let word = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match Place::at_cursor(&tree, &words) {
            Place::Target(word) => Some((word.text.to_owned(), word.profile, word.region)),
            _ => None,
        }
    };
    let plain = |text: &str| Some((text.to_owned(), None, None));
    for (line, expected) in [
        ("", plain("")),
        ("my", plain("my")),
        ("ubuntu@my", plain("ubuntu@my")),
        ("ssh my", plain("my")),
        ("proxy my", plain("my")),
        ("list my", plain("my")),
        ("known-hosts add my", plain("my")),
        ("-v -p 22 my", plain("my")),
        ("-p22 --start my", plain("my")),
        ("-- my", plain("my")),
        // The value of --wait has to be joined.
        ("--wait my", plain("my")),
        ("--wait ssh my", plain("my")),
        ("--profile dev --region=eu-west-1 my", Some(("my".into(), Some("dev".into()), Some("eu-west-1".into())))),
        // The last word of these lines is not an instance.
        ("-", None),
        ("--profile my", None),
        ("-i my", None),
        ("my-instance my", None),
        ("ssh my-instance my", None),
        ("known-hosts my", None),
        ("completions my", None),
        ("config install my", None),
    ] {
        assert_eq!(word(line), expected, "{line:?}");
    }
}

#[test]
fn values_and_remote_words_are_told_apart() {
    let tree = tree();
    let is = |line: &str, expected: fn(&Place<'_>) -> bool| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let place = Place::at_cursor(&tree, &words);
        assert!(expected(&place), "{line:?}: {place:?}");
    };
    for line in ["web-1 -", "web-1 ls", "-p 22 web-1 ", "ssh web-1 -x", "ssh -v web-1 ls -"] {
        is(line, |place| *place == Place::Remote);
    }
    for line in ["list web-1 -", "proxy web-1 -", "known-hosts forget i-0 -", "-", "known-hosts ", "--host-keys "] {
        is(line, |place| *place == Place::Other);
    }
    for line in ["help ", "help ss", "help ssh "] {
        is(line, |place| *place == Place::Other);
    }
    for line in ["proxy web-1 --profile de", "list web-1 --profile de", "known-hosts forget i-0 --profile de"] {
        is(line, |place| *place == Place::Profile("de"));
    }
    is("--profile de", |place| *place == Place::Profile("de"));
    is("list --profile=de", |place| *place == Place::Profile("--profile=de"));
    is("ssh --region ", |place| *place == Place::Region(""));
    is("known-hosts forget i-", |place| matches!(place, Place::KnownHost(word) if word.text == "i-"));
}

#[test]
fn values_keep_their_option_and_need_no_quotes() {
    let all = || ["dev", "default", "My Laptop", "-x", "d$x"].map(str::to_owned).to_vec();
    assert_eq!(values("de", all()), ["dev", "default"]);
    assert_eq!(values("--profile=dev", all()), ["--profile=dev"]);
    assert_eq!(values("", all()), ["dev", "default"]);
}
