//! Tests of the Session Manager protocol, layer by layer: the frame against a test vector, order and acknowledgements
//! under loss, duplication and reordering, and the handshake.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Error;
use super::data_channel::{DataChannel, MAX_PAYLOAD, Now};
use super::frame::{Frame, Kind, Malformed, flag, payload};
use super::handshake::{CLIENT_VERSION, Version, answer, open_data_channel};
use super::reliable::{Receipt, ReceiveWindow, SendWindow};
use super::resume::Resumption;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Bytes;

const VECTOR: &str = "00000074696e7075745f73747265616d5f64617461202020202020202020202020202020000000010000016f5e9ec4c8\
000000000000000500000000000000008899aabbccddeeff00112233445566771d887ce0f8672e4914d9000e801cd74e\
cd805dd9366c0bc42dc16adc0197dc2f00000001000000036c730d";

fn vector() -> Vec<u8> {
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

    /// The network loses, repeats and reorders messages and acknowledgements at random, and is reliable after a while.
    #[test]
    fn bytes_arrive_once_and_in_order(
        fates in proptest::collection::vec((0_u8..6, 0_usize..8), 1..400),
        count in 1_usize..300,
    ) {
        let begun = Instant::now();
        let mut now = begun;
        let mut outgoing = SendWindow::default();
        let mut incoming = ReceiveWindow::default();
        let mut network: VecDeque<(i64, [u8; 8])> = VecDeque::new();
        let mut arrived: Vec<u8> = Vec::new();
        let mut sent = 0;
        let mut fates = fates.into_iter();
        for _ in 0..20_000 {
            if arrived.len() == count * 8 && outgoing.is_empty() {
                break;
            }
            now += Duration::from_millis(10);
            if sent < count && !outgoing.is_full() {
                let message = (outgoing.next(), (sent as u64).to_be_bytes());
                outgoing.push(message, now);
                network.push_back(message);
                sent += 1;
            }
            network.extend(outgoing.due(now));
            // Each step decides the fate of one message: 0 loses it, 1 duplicates it, 2 loses its acknowledgement,
            // anything else delivers it.
            let (fate, place) = fates.next().unwrap_or((5, 0));
            let Some(message) = network.remove(place.min(network.len().saturating_sub(1))) else { continue };
            if fate == 0 {
                continue;
            }
            if fate == 1 {
                network.push_back(message);
            }
            let verdict = incoming.take(message.0, message.1);
            prop_assert_ne!(verdict, Receipt::Refused);
            while let Some(bytes) = incoming.next_in_order() {
                arrived.extend(bytes);
            }
            if fate != 2 {
                outgoing.acknowledge(message.0, now);
            }
        }
        let expected: Vec<u8> = (0..count as u64).flat_map(u64::to_be_bytes).collect();
        prop_assert_eq!(arrived, expected);
        prop_assert!(outgoing.is_empty());
    }
}

/// The versions of the agent lie on either side of the change.
#[test]
fn agent_versions_are_compared_by_number() {
    let version = |text: &str| text.parse::<Version>().unwrap();
    assert!(version("2.3.723.0").supports_terminate() && !version("2.3.722.0").supports_terminate());
    assert!("3.x".parse::<Version>().is_err() && "1.2.3.4.5".parse::<Version>().is_err());
}

#[test]
fn timeout_follows_round_trip_within_bounds() {
    let begun = Instant::now();
    let at = |ms: u64| begun + Duration::from_millis(ms);
    let mut outgoing: SendWindow<u8> = SendWindow::default();
    outgoing.push(0, at(0));
    assert_eq!(outgoing.next_due(), Some(at(200)));
    assert!(outgoing.due(at(199)).is_empty());
    assert_eq!(outgoing.due(at(200)), [0]);
    // A retransmitted message gives no sample of the round trip (Karn's algorithm).
    outgoing.acknowledge(0, at(900));
    outgoing.push(1, at(1000));
    // The timeout that was too short has been doubled.
    assert_eq!(outgoing.next_due(), Some(at(1400)));
    // A long round trip raises the timeout, but never above one second.
    for round in 0..20 {
        let when = 2000 + round * 3000;
        outgoing.acknowledge(i64::try_from(round).unwrap() + 1, at(when));
        outgoing.push(2, at(when));
        outgoing.acknowledge(i64::try_from(round).unwrap() + 2, at(when + 2000));
        outgoing.push(3, at(when + 2000));
    }
    let last = outgoing.next_due().unwrap();
    assert!(last <= at(2000 + 19 * 3000 + 3000), "{:?}", last - begun);
    // Acknowledgements of numbers that were never sent are ignored.
    outgoing.acknowledge(-5, at(100_000));
    outgoing.acknowledge(1_000_000, at(100_000));
    assert!(!outgoing.is_empty());
}

#[test]
fn both_directions_are_bounded() {
    let mut outgoing = SendWindow::default();
    let mut count = 0;
    while !outgoing.is_full() {
        outgoing.push([0_u8; 4], Instant::now());
        count += 1;
        assert!(count < 100_000);
    }
    let mut incoming: ReceiveWindow<Vec<u8>> = ReceiveWindow::default();
    let taken = (1..1_000_000).take_while(|n| incoming.take(*n, vec![0; 1024]) == Receipt::Accepted).count();
    assert!(taken * 1024 <= 9 << 20, "{taken}");
    // The next message in order is accepted even if the buffer is full, and makes room again.
    assert_eq!(incoming.take(0, vec![0; 1024]), Receipt::Accepted);
    assert_eq!(std::iter::from_fn(|| incoming.next_in_order()).count(), taken + 1);
    assert_eq!(incoming.take(0, Vec::new()), Receipt::Duplicate);
}

fn now() -> Now {
    Now { instant: Instant::now(), unix_ms: 1_577_840_461_000 }
}

fn from_agent(sequence: i64, payload_type: u32, payload: impl Into<Bytes>) -> Bytes {
    let id = 7 + u128::try_from(sequence).unwrap();
    let (kind, payload) = (Kind::OutputStreamData, payload.into());
    Frame { kind, sequence, flags: 0, id, created: 1, payload_type, payload }.encode()
}

fn sent(data_channel: &mut DataChannel) -> Vec<Frame> {
    std::iter::from_fn(|| data_channel.next_to_send()).map(|bytes| Frame::decode(&bytes).unwrap()).collect()
}

fn request() -> String {
    json!({ "AgentVersion": "3.3.3572.0", "RequestedClientActions":
        [{ "ActionType": "SessionType", "ActionParameters": { "SessionType": "Port", "Properties": {} } }] })
    .to_string()
}

fn open() -> DataChannel {
    let mut data_channel = DataChannel::new(1);
    data_channel.take(&from_agent(0, payload::HANDSHAKE_REQUEST, request()), now()).unwrap();
    let complete = json!({ "HandshakeTimeToComplete": 1, "CustomerMessage": "Be careful" }).to_string();
    data_channel.take(&from_agent(1, payload::HANDSHAKE_COMPLETE, complete), now()).unwrap();
    sent(&mut data_channel);
    data_channel
}

fn acknowledge(sequence: i64) -> Bytes {
    let content = json!({ "AcknowledgedMessageSequenceNumber": sequence }).to_string();
    let kind = Kind::Acknowledge;
    Frame { kind, sequence: 0, flags: 3, id: 1, created: 1, payload_type: 0, payload: content.into() }.encode()
}

fn bare(kind: Kind) -> Bytes {
    Frame { kind, sequence: 0, flags: 0, id: 1, created: 1, payload_type: 0, payload: Bytes::new() }.encode()
}

#[test]
fn the_handshake_comes_first_and_is_answered() {
    let mut data_channel = DataChannel::new(1);
    assert!(!data_channel.can_send());
    data_channel.take(&from_agent(0, payload::HANDSHAKE_REQUEST, request()), now()).unwrap();
    let frames = sent(&mut data_channel);
    let kinds: Vec<_> = frames.iter().map(|frame| (frame.kind, frame.payload_type)).collect();
    let response = (Kind::InputStreamData, payload::HANDSHAKE_RESPONSE);
    assert_eq!(kinds, [(Kind::Acknowledge, 0), response]);
    let acknowledged: Value = serde_json::from_slice(&frames[0].payload).unwrap();
    assert_eq!(acknowledged["AcknowledgedMessageType"], "output_stream_data");
    assert_eq!(acknowledged["AcknowledgedMessageId"], "00000000-0000-0000-0000-000000000007");
    assert_eq!(frames[0].flags, 3);
    let answered: Value = serde_json::from_slice(&frames[1].payload).unwrap();
    assert_eq!(answered["ClientVersion"], CLIENT_VERSION);
    assert_eq!(answered["ProcessedClientActions"][0]["ActionStatus"], 1);
    // The agent drops data that arrives before the handshake is complete.
    assert!(!data_channel.can_send());
    let complete = json!({ "CustomerMessage": "Be careful" }).to_string();
    data_channel.take(&from_agent(1, payload::HANDSHAKE_COMPLETE, complete), now()).unwrap();
    assert!(data_channel.can_send());
    assert_eq!(data_channel.take_message().as_deref(), Some("Be careful"));
    assert_eq!(data_channel.take_message(), None);
}

#[test]
fn unsupported_actions_are_declined() {
    let ask = |actions: Value| {
        answer(json!({ "AgentVersion": "3.1", "RequestedClientActions": actions }).to_string().as_bytes())
    };
    let shell = json!([{ "ActionType": "SessionType", "ActionParameters": { "SessionType": "Standard_Stream" } }]);
    let declined = ask(shell).unwrap();
    assert!(declined.declined.unwrap().contains("Standard_Stream"));
    let kms = json!([{ "ActionType": "KMSEncryption", "ActionParameters": { "KMSKeyId": "k" } }]);
    let declined = ask(kms).unwrap();
    let response: Value = serde_json::from_str(&declined.response).unwrap();
    assert_eq!(response["ProcessedClientActions"][0]["ActionStatus"], 3);
    assert_eq!(declined.declined.as_deref(), Some("'KMSEncryption'"));
    assert!(matches!(answer(b"no json"), Err(Error::Malformed(_))));
    assert!(matches!(answer(b"{}"), Err(Error::Malformed(_))));
    let hello: Value = serde_json::from_str(&open_data_channel("tok\"en", "a", "b")).unwrap();
    assert_eq!((&hello["TokenValue"], &hello["ClientVersion"]), (&json!("tok\"en"), &json!(CLIENT_VERSION)));
}

/// Data is split into payloads of limited size, and a lone line feed is sent unchanged.
#[test]
fn data_is_split_into_payloads() {
    let mut data_channel = open();
    data_channel.send(&vec![7; 2 * MAX_PAYLOAD + 1], now());
    data_channel.send(b"\n", now());
    let frames = sent(&mut data_channel);
    assert_eq!(frames.iter().map(|frame| frame.payload.len()).collect::<Vec<_>>(), [MAX_PAYLOAD, MAX_PAYLOAD, 1, 1]);
    assert_eq!(frames.iter().map(|frame| frame.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(&frames[3].payload[..], b"\n");
    let mut ids: Vec<u128> = frames.iter().map(|frame| frame.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn duplicate_is_acknowledged_again_but_delivered_once() {
    let mut data_channel = open();
    for _ in 0..2 {
        data_channel.take(&from_agent(2, payload::OUTPUT, "abc"), now()).unwrap();
        assert_eq!(sent(&mut data_channel).len(), 1);
    }
    assert_eq!(data_channel.next_received().as_deref(), Some(&b"abc"[..]));
    assert_eq!(data_channel.next_received(), None);
}

/// After a pause_publication, any other message from the agent allows sending again.
#[test]
fn pause_holds_data_until_next_message() {
    let release = [bare(Kind::StartPublication), from_agent(2, payload::OUTPUT, "x"), acknowledge(0)];
    for release in release {
        let mut data_channel = open();
        data_channel.take(&bare(Kind::PausePublication), now()).unwrap();
        assert!(!data_channel.can_send() && data_channel.next_tick().is_none());
        data_channel.take(&release, now()).unwrap();
        assert!(data_channel.can_send());
    }
}

/// After a reconnect, exactly the messages that were not acknowledged are sent again.
#[test]
fn unacknowledged_messages_are_resent_after_reconnect() {
    let mut data_channel = open();
    data_channel.send(b"one", now());
    data_channel.take(&acknowledge(0), now()).unwrap();
    data_channel.take(&acknowledge(1), now()).unwrap();
    assert!(data_channel.is_settled());
    data_channel.send(b"two", now());
    data_channel.send(b"three", now());
    data_channel.take(&acknowledge(3), now()).unwrap();
    sent(&mut data_channel);
    data_channel.reconnected(now());
    let again = sent(&mut data_channel);
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].sequence, &again[0].payload[..]), (2, &b"two"[..]));
    data_channel.take(&acknowledge(2), now()).unwrap();
    assert!(data_channel.is_settled());
}

#[test]
fn signals_go_both_ways() {
    let mut data_channel = open();
    data_channel.disconnect(now());
    assert!(data_channel.terminate(now()));
    let frames = sent(&mut data_channel);
    let signals: Vec<_> = frames.iter().map(|frame| (frame.payload_type, frame.payload.to_vec())).collect();
    let signal = |number: u32| (payload::FLAG, number.to_be_bytes().to_vec());
    assert_eq!(signals, [signal(flag::DISCONNECT_TO_PORT), signal(flag::TERMINATE_SESSION)]);
    let refused = from_agent(2, payload::FLAG, flag::CONNECT_TO_PORT_ERROR.to_be_bytes().to_vec());
    assert!(matches!(open().take(&refused, now()), Err(Error::PortRefused)));
    // An old agent does not support terminating a session.
    let mut old = DataChannel::new(1);
    let request = request().replace("3.3.3572.0", "2.3.700.0");
    old.take(&from_agent(0, payload::HANDSHAKE_REQUEST, request), now()).unwrap();
    assert!(!old.terminate(now()));
    let content = json!({ "Output": " Session was terminated by an administrator " }).to_string();
    let closed =
        Frame { kind: Kind::ChannelClosed, payload: content.into(), ..Frame::decode(&vector().into()).unwrap() };
    let mut data_channel = open();
    data_channel.take(&closed.encode(), now()).unwrap();
    assert_eq!(data_channel.closed(), Some("Session was terminated by an administrator"));
    assert!(!data_channel.can_send());
}

/// A hostile agent can neither make memory grow without bound nor break the protocol unnoticed.
#[test]
fn misbehaving_agent_is_limited() {
    let malformed = |result: Result<(), Error>| assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
    malformed(DataChannel::new(1).take(&from_agent(0, payload::OUTPUT, "early"), now()));
    malformed(open().take(&from_agent(2, payload::HANDSHAKE_REQUEST, request()), now()));
    let many = json!({ "AgentVersion": "3.1", "RequestedClientActions": vec![0; 17] }).to_string();
    malformed(DataChannel::new(1).take(&from_agent(0, payload::HANDSHAKE_REQUEST, many), now()));
    // Each message is acknowledged, until no more are accepted.
    let mut data_channel = open();
    let mut taken = 0;
    while data_channel.can_take() {
        data_channel.take(&from_agent(0, payload::OUTPUT, ""), now()).unwrap();
        taken += 1;
        assert!(taken < 100_000);
    }
    let mut data_channel = open();
    for sequence in 2.. {
        if !data_channel.can_take() {
            break;
        }
        data_channel.take(&from_agent(sequence, payload::OUTPUT, vec![0; 100_000]), now()).unwrap();
        sent(&mut data_channel);
        assert!(sequence < 100);
    }
    while data_channel.next_received().is_some() {}
    assert!(data_channel.can_take());
    data_channel.take(&acknowledge(i64::MIN), now()).unwrap();
    let flood = json!({ "CustomerMessage": "x".repeat(100_000) }).to_string();
    let mut data_channel = DataChannel::new(1);
    data_channel.take(&from_agent(0, payload::HANDSHAKE_REQUEST, request()), now()).unwrap();
    data_channel.take(&from_agent(1, payload::HANDSHAKE_COMPLETE, flood), now()).unwrap();
    assert_eq!(data_channel.take_message().unwrap().len(), 1000);
}

/// On a slow uplink, a full window takes longer than any timeout. A message that only waits for its turn is not late.
#[test]
fn slow_link_causes_no_retransmissions() {
    let begun = Instant::now();
    let at = |ms: u64| begun + Duration::from_millis(ms);
    let mut outgoing = SendWindow::default();
    for _ in 0..2000 {
        outgoing.push(0, at(0));
    }
    // Every 5 ms one message arrives, which is acknowledged 100 ms later.
    for number in 0..2000_u64 {
        let when = at(100 + 5 * number);
        assert!(outgoing.due(when).is_empty(), "{number}");
        outgoing.acknowledge(i64::try_from(number).unwrap(), when);
    }
    assert!(outgoing.is_empty());
}

/// The round trip is longer than the first timeout. After a retransmission the timeout fits it.
#[test]
fn timeout_adapts_to_long_round_trips() {
    let begun = Instant::now();
    let at = |ms: u64| begun + Duration::from_millis(ms);
    let mut outgoing = SendWindow::default();
    let mut again = 0;
    for number in 0..10_u64 {
        let start = 1000 * number;
        outgoing.push(0, at(start));
        for ms in (0..300).step_by(10) {
            again += outgoing.due(at(start + ms)).len();
        }
        outgoing.acknowledge(i64::try_from(number).unwrap(), at(start + 300));
    }
    assert!(again <= 2, "{again}");
}

/// Refusals of the service end after five attempts, network failures after two minutes.
#[test]
fn resume_attempts_are_limited_by_cause() {
    let begun = Instant::now();
    let at = |seconds: u64| begun + Duration::from_secs(seconds);
    let ms = Duration::from_millis;
    // The service refuses: five attempts, with growing pauses between them.
    let mut resumption = Resumption::default();
    assert_eq!(resumption.lost(7, at(0)), ms(0));
    let pauses: Vec<_> = std::iter::from_fn(|| resumption.failed(false, at(1))).collect();
    assert_eq!(pauses, [ms(200), ms(400), ms(800), ms(1600)]);
    // The network is down: attempts continue for two minutes.
    let mut resumption = Resumption::default();
    resumption.lost(7, at(0));
    assert!((0..100).all(|second| resumption.failed(true, at(second)).is_some()));
    assert_eq!(resumption.failed(true, at(120)), None);
    // Connections that deliver nothing are retried with growing pauses, and for two minutes at most.
    let mut resumption = Resumption::default();
    assert_eq!(resumption.lost(7, at(0)), ms(0));
    assert_eq!(resumption.lost(7, at(0)), ms(200));
    assert_eq!(resumption.lost(7, at(1)), ms(400));
    assert!(!resumption.is_exhausted(at(119)) && resumption.is_exhausted(at(120)));
    // A connection that made progress resets the pauses and the deadline.
    assert_eq!(resumption.lost(8, at(130)), ms(0));
    assert!(!resumption.is_exhausted(at(140)));
    // So does an idle connection that lasted long enough, as when an idle session roams for the second time.
    resumption.restored(at(131));
    assert_eq!(resumption.lost(8, at(500)), ms(0));
    assert!(!resumption.is_exhausted(at(500)));
    resumption.restored(at(501));
    assert_eq!(resumption.lost(8, at(502)), ms(200));
}

#[test]
fn malformed_messages_are_errors_without_panic() {
    for bytes in [Bytes::new(), Bytes::from_static(b"hello"), vec![0; 200].into()] {
        assert!(matches!(open().take(&bytes, now()), Err(Error::Malformed(_))));
    }
    let content = Bytes::from_static(b"[]");
    let nothing = Frame { kind: Kind::Acknowledge, payload: content, ..Frame::decode(&vector().into()).unwrap() };
    assert!(matches!(open().take(&nothing.encode(), now()), Err(Error::Malformed(_))));
}
