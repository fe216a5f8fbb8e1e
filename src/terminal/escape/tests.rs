//! The escape filter: a table of cases, and property tests that no byte is lost or invented.

use crate::terminal::escape::{EscapeFilter, Extra, Typed};
use proptest::prelude::*;

fn bytes(text: &str) -> Typed {
    Typed::Bytes(text.as_bytes().to_vec())
}

#[test]
fn escapes_work_at_line_start_only() {
    let table: &[(&str, Vec<Typed>)] = &[
        ("~.", vec![Typed::Disconnect]),
        ("a~.", vec![bytes("a~.")]),
        ("a\r~.", vec![bytes("a\r"), Typed::Disconnect]),
        ("a\n~.", vec![bytes("a\n"), Typed::Disconnect]),
        ("~?", vec![Typed::Help]),
        ("~#", vec![Typed::Connections]),
        ("\r~\u{1a}", vec![bytes("\r"), Typed::Suspend]),
        ("~~", vec![bytes("~")]),
        ("~~.", vec![bytes("~.")]),
        ("~a", vec![bytes("~a")]),
        ("~\r~.", vec![bytes("~\r"), Typed::Disconnect]),
        ("~?~.", vec![Typed::Help, Typed::Disconnect]),
        ("~.rest is not looked at", vec![Typed::Disconnect]),
        ("ls ~/x\r", vec![bytes("ls ~/x\r")]),
        ("", vec![]),
    ];
    for (typed, expected) in table {
        assert_eq!(&EscapeFilter::new(Some(b'~'), Extra::Connections).feed(typed.as_bytes()), expected, "{typed:?}");
        // Feeds the same input byte by byte and joins the results.
        let mut filter = EscapeFilter::new(Some(b'~'), Extra::Connections);
        let mut joined: Vec<Typed> = Vec::new();
        for byte in typed.bytes() {
            if joined.last() == Some(&Typed::Disconnect) {
                break;
            }
            for found in filter.feed(&[byte]) {
                match (joined.last_mut(), found) {
                    (Some(Typed::Bytes(before)), Typed::Bytes(more)) => before.extend(more),
                    (_, found) => joined.push(found),
                }
            }
        }
        assert_eq!(&joined, expected, "{typed:?} byte by byte");
    }
}

#[test]
fn other_escape_characters_work_alike() {
    assert_eq!(EscapeFilter::new(Some(b'%'), Extra::Connections).feed(b"~.\r%."), [bytes("~.\r"), Typed::Disconnect]);
    assert_eq!(EscapeFilter::new(None, Extra::Connections).feed(b"~.\r~."), [bytes("~.\r~.")]);
    assert!(EscapeFilter::new(Some(2), Extra::Connections).help().contains("^B."), "Ctrl-B");
}

proptest! {
    #[test]
    fn input_without_tilde_is_unchanged(input in prop::collection::vec(any::<u8>().prop_filter("no tilde", |b| *b != b'~'), 0..300)) {
        let out = EscapeFilter::new(Some(b'~'), Extra::Connections).feed(&input);
        let expected = if input.is_empty() { vec![] } else { vec![Typed::Bytes(input)] };
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn doubled_tilde_sends_one_tilde(text in "[a-z~\r]{0,60}") {
        // A tilde at the start of a line is typed twice, elsewhere once.
        let mut typed = String::new();
        let mut at_start = true;
        for c in text.chars() {
            typed.push(c);
            if c == '~' && at_start {
                typed.push(c);
            }
            at_start = c == '\r';
        }
        let sent: Vec<u8> = EscapeFilter::new(Some(b'~'), Extra::Connections).feed(typed.as_bytes()).into_iter().flat_map(|typed| match typed {
            Typed::Bytes(bytes) => bytes,
            other => panic!("{other:?} in {text:?}"),
        }).collect();
        prop_assert_eq!(sent, text.as_bytes());
    }
}
