//! The first messages of RDP: the client asks for TLS, and the server answers (MS-RDPBCGR, sections 2.2.1.1 and 2.2.1.2). Pure.

/// X.224 Connection Request with a negotiation request for TLS, with or without CredSSP.
pub(super) const REQUEST: &[u8] = &[3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
/// The length of the header that says how long a message is (TPKT, RFC 1006).
pub(super) const HEADER: usize = 4;
/// The largest answer in bytes; a server's has 19.
const MAX_ANSWER: usize = 512;
/// The codes of an X.224 Connection Confirm, and of the two answers to the negotiation.
const CONFIRM: u8 = 0xd0;
const NEGOTIATED: u8 = 2;
const REFUSED: u8 = 3;
/// RDP's own encryption, which has no certificate, and TLS without CredSSP.
const NO_TLS: u32 = 0;
const TLS: u32 = 1;

/// The protocol that the server has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// TLS alone: the user logs in on the desktop's own screen.
    Tls,
    /// Network Level Authentication: CredSSP over TLS, before there is a desktop.
    Nla,
}

/// Why the server does not begin TLS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NegotiationError {
    /// The answer is not one of RDP's.
    #[error("the answer is not RDP's")]
    NotRdp,
    /// The server has no TLS.
    #[error("the server offers RDP's own encryption only, which has no certificate")]
    NoTls,
    /// The server refuses, with this code (MS-RDPBCGR, section 2.2.1.2.2).
    #[error("the server refuses TLS: {}", refusal(*.0))]
    Refused(u32),
}

fn refusal(code: u32) -> String {
    match code {
        2 => "its settings allow RDP's own encryption only".to_owned(),
        3 => "it has no certificate".to_owned(),
        5 => "it requires CredSSP".to_owned(),
        6 => "it requires TLS with a client certificate".to_owned(),
        code => format!("code {code}"),
    }
}

/// Returns the length of the rest of a message with this header.
///
/// # Errors
/// The header is not TPKT's.
pub(super) fn rest_of(header: [u8; HEADER]) -> Result<usize, NegotiationError> {
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let fits = header[0] == 3 && (HEADER + 7..=MAX_ANSWER).contains(&length);
    if fits { Ok(length - HEADER) } else { Err(NegotiationError::NotRdp) }
}

/// Reads the answer behind its header: which TLS follows.
///
/// # Errors
/// It does not.
pub(super) fn read_answer(rest: &[u8]) -> Result<Security, NegotiationError> {
    if rest.get(1) != Some(&CONFIRM) {
        return Err(NegotiationError::NotRdp);
    }
    let Some([kind, _, _, _, a, b, c, d]) = rest.get(7..15) else { return Err(NegotiationError::NoTls) };
    let value = u32::from_le_bytes([*a, *b, *c, *d]);
    match *kind {
        NEGOTIATED if value == TLS => Ok(Security::Tls),
        NEGOTIATED if value != NO_TLS => Ok(Security::Nla),
        NEGOTIATED => Err(NegotiationError::NoTls),
        REFUSED => Err(NegotiationError::Refused(value)),
        _ => Err(NegotiationError::NotRdp),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(negotiation: &[u8]) -> Result<Security, NegotiationError> {
        let mut bytes = vec![14, CONFIRM, 0, 0, 0x12, 0x34, 0];
        bytes.extend(negotiation);
        read_answer(&bytes)
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(answer(&[2, 0x1f, 8, 0, 2, 0, 0, 0]), Ok(Security::Nla), "CredSSP");
        assert_eq!(answer(&[2, 0, 8, 0, 1, 0, 0, 0]), Ok(Security::Tls), "TLS");
        assert_eq!(answer(&[2, 0, 8, 0, 0, 0, 0, 0]), Err(NegotiationError::NoTls));
        assert_eq!(answer(&[]), Err(NegotiationError::NoTls), "a server of before 2003");
        assert_eq!(answer(&[3, 0, 8, 0, 3, 0, 0, 0]), Err(NegotiationError::Refused(3)));
        assert_eq!(answer(&[9, 0, 8, 0, 3, 0, 0, 0]), Err(NegotiationError::NotRdp));
        assert_eq!(read_answer(b"SSH-2.0-OpenSSH"), Err(NegotiationError::NotRdp));
        assert_eq!(rest_of([3, 0, 0, 19]), Ok(15));
        for header in [*b"SSH-", *b"HTTP", [3, 0, 0, 4], [3, 0, 255, 255]] {
            assert_eq!(rest_of(header), Err(NegotiationError::NotRdp));
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = read_answer(&bytes);
        }
    }
}
