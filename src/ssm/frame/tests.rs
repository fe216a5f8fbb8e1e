//! Tests of the frame, against a test vector.

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::Bytes;

use super::{Frame, Kind, Malformed, payload};

const VECTOR: &str = "00000074696e7075745f73747265616d5f64617461202020202020202020202020202020000000010000016f5e9ec4c8\
000000000000000500000000000000008899aabbccddeeff00112233445566771d887ce0f8672e4914d9000e801cd74e\
cd805dd9366c0bc42dc16adc0197dc2f00000001000000036c730d";

/// Returns the bytes of the test vector.
pub(in crate::ssm) fn vector() -> Vec<u8> {
    VECTOR
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn frame_matches_the_test_vector() {
    let frame = Frame {
        kind: Kind::InputStreamData,
        sequence: 5,
        flags: 0,
        id: 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff,
        created: 1_577_840_461_000,
        payload_type: payload::OUTPUT,
        payload: Bytes::from_static(b"ls\r"),
    };
    assert_eq!(frame.encode(), vector());
    assert_eq!(Frame::decode(&vector().into()).unwrap(), frame);
}

/// Decodes a `channel_closed` frame without a payload type, whose name is padded with NULs.
#[test]
fn short_and_full_headers_are_decoded() {
    let full = Frame { kind: Kind::ChannelClosed, ..Frame::decode(&vector().into()).unwrap() }.encode();
    let mut short = full.to_vec();
    short.drain(112..116);
    short[3] = 112;
    for byte in &mut short[4 + "channel_closed".len()..36] {
        *byte = 0;
    }
    let read = Frame::decode(&short.into()).unwrap();
    assert_eq!((read.kind, &read.payload[..], read.payload_type), (Kind::ChannelClosed, &b"ls\r"[..], 0));
}

#[test]
fn invalid_frames_are_rejected() {
    let whole = vector();
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        Frame::decode(&bytes.into())
    };
    for length in 0..whole.len() {
        assert!(Frame::decode(&whole[..length].to_vec().into()).is_err(), "{length}");
    }
    assert_eq!(with(3, 100), Err(Malformed::Header(100)));
    assert_eq!(with(0, 255), Err(Malformed::Header(0xff00_0074)));
    assert_eq!(with(119, 4), Err(Malformed::Length { claimed: 4, there: 3 }));
    assert_eq!(with(122, b'x'), Err(Malformed::Digest));
    assert_eq!(with(4, b'x').unwrap().kind, Kind::Other);
    // A pause frame has no payload, and its digest may be all zeros.
    let mut pause =
        Frame { kind: Kind::PausePublication, payload: Bytes::new(), ..Frame::decode(&whole.into()).unwrap() }
            .encode()
            .to_vec();
    pause[80..112].fill(0);
    assert_eq!(Frame::decode(&pause.into()).unwrap().kind, Kind::PausePublication);
}

proptest! {
    #[test]
    fn frames_round_trip_and_noise_never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        (sequence, id, created, payload_type) in any::<(i64, u128, u64, u32)>(),
    ) {
        let _ = Frame::decode(&bytes.clone().into());
        let frame = Frame { kind: Kind::OutputStreamData, sequence, flags: 1, id, created, payload_type, payload: bytes.into() };
        prop_assert_eq!(Frame::decode(&frame.encode()).unwrap(), frame);
    }
}
