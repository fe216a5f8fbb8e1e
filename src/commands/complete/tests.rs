//! Tests of the word under the cursor.

use super::*;

#[test]
fn instance_words_are_recognized() {
    let tree = crate::cli::command();
    let word = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        CursorWord::at_cursor(&tree, &words).map(|word| (word.text.to_owned(), word.profile, word.region))
    };
    let plain = |text: &str| Some((text.to_owned(), None, None));
    for (line, expected) in [
        ("", plain("")),
        ("my", plain("my")),
        ("ubuntu@my", plain("ubuntu@my")),
        ("ssh my", plain("my")),
        ("proxy my", plain("my")),
        ("list my", plain("my")),
        ("known-hosts forget my", plain("my")),
        ("-v -p 22 my", plain("my")),
        ("-p22 --start my", plain("my")),
        ("-- my", plain("my")),
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
