//! Tests of SOCKS: requests byte by byte, refusals, and any bytes.

use proptest::prelude::*;

use super::*;

const ANY: [u8; 6] = [0; 6];

/// Feeds a request byte by byte and returns the steps that are not "more".
fn steps(bytes: &[u8]) -> (Socks, Vec<Step>) {
    let mut socks = Socks::default();
    let mut found = Vec::new();
    for byte in bytes {
        match socks.feed(&[*byte]) {
            Step::More => {}
            step => found.push(step),
        }
    }
    (socks, found)
}

fn connect(host: &str, port: u16) -> Step {
    Step::Connect { host: host.to_owned(), port }
}

#[test]
fn all_kinds_of_addresses_are_taken() {
    let greeting = [5, 1, 0];
    let selected = Step::Send(vec![5, 0]);
    let requests = [
        ([&[5, 1, 0, 1, 10, 0, 0, 7][..], &[0x15, 0x38]].concat(), connect("10.0.0.7", 5432)),
        ([&[5, 1, 0, 3, 9][..], b"localhost", &[0, 80]].concat(), connect("localhost", 80)),
        ([&[5, 1, 0, 4][..], &Ipv6Addr::LOCALHOST.octets(), &[1, 187]].concat(), connect("::1", 443)),
    ];
    for (request, expected) in requests {
        let (socks, found) = steps(&[&greeting[..], &request].concat());
        assert_eq!(found, [selected.clone(), expected]);
        assert_eq!(socks.answer(None), [&[5, 0, 0, 1][..], &ANY].concat());
    }
    for (request, expected) in [
        ([&[4, 1, 0, 80, 10, 0, 0, 7][..], b"me\0"].concat(), connect("10.0.0.7", 80)),
        ([&[4, 1, 0, 80, 0, 0, 0, 1][..], b"\0db.internal\0"].concat(), connect("db.internal", 80)),
    ] {
        let (socks, found) = steps(&request);
        assert_eq!(found, [expected]);
        assert_eq!(socks.answer(None)[..2], [0, 90]);
        assert_eq!(socks.answer(Some(Reason::Refused))[..2], [0, 91]);
    }
}

#[test]
fn what_is_not_served_is_refused() {
    let of = |bytes: &[u8]| steps(bytes).1;
    let refuse = |code: u8| Step::Refuse([&[5, code, 0, 1][..], &ANY].concat());
    assert_eq!(of(&[5, 1, 2]), [Step::Refuse(vec![5, 0xff])], "only a password");
    assert_eq!(of(&[5, 1, 0, 5, 2, 0, 1])[1], refuse(7), "BIND");
    assert_eq!(of(&[5, 1, 0, 5, 1, 0, 9])[1], refuse(8), "an unknown kind of address");
    assert_eq!(of(&[5, 1, 0, 5, 1, 0, 3, 2, b'a', 0, 0, 80])[1], refuse(1), "a name with a NUL");
    assert_eq!(of(&[5, 1, 0, 5, 1, 0, 3, 0, 0, 80])[1], refuse(1), "an empty name");
    assert_eq!(of(&[4, 2, 0, 80, 10, 0, 0, 7, 0])[..1], [Step::Refuse(vec![0, 91, 0, 0, 0, 0, 0, 0])]);
    assert_eq!(of(b"GET"), [Step::Refuse(Vec::new()), Step::Refuse(Vec::new()), Step::Refuse(Vec::new())]);
}

#[test]
fn failures_have_their_reply_codes() {
    let (socks, _) = steps(&[5, 1, 0]);
    let codes = [Reason::Prohibited, Reason::Unreachable, Reason::Refused, Reason::Other];
    assert_eq!(codes.map(|reason| socks.answer(Some(reason))[1]), [2, 4, 5, 1]);
}

/// A client that sends its first data at once loses none of it, however the bytes are cut.
#[test]
fn data_behind_the_request_is_kept() {
    let mut socks = Socks::default();
    assert_eq!(socks.feed(&[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 80, b'h', b'i']), Step::Send(vec![5, 0]));
    assert_eq!(socks.feed(b""), connect("127.0.0.1", 80));
    assert_eq!(socks.rest(), b"hi");
}

#[test]
fn endless_requests_end() {
    let mut socks = Socks::default();
    let request = [&[4, 1, 0, 80, 10, 0, 0, 7][..], &[b'a'; 2000]].concat();
    assert_eq!(socks.feed(&request), Step::Refuse(Vec::new()));
}

proptest! {
    #[test]
    fn no_bytes_break_it(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
        let mut socks = Socks::default();
        for chunk in chunks {
            if let Step::Connect { host, .. } = socks.feed(&chunk) {
                prop_assert!(!host.is_empty() && !host.contains(char::is_control));
                break;
            }
        }
    }
}
