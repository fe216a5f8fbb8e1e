//! Tests of the layers together: frames in, frames and bytes out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Bytes;

use super::{DataChannel, MAX_PAYLOAD, Now};
use crate::ssm::Error;
use crate::ssm::frame::tests::vector;
use crate::ssm::frame::{Frame, Kind, flag, payload};
use crate::ssm::handshake::{CLIENT_VERSION, Purpose};
use crate::ssm::item::Item;

pub(super) fn now() -> Now {
    Now { instant: Instant::now(), unix_ms: 1_577_840_461_000 }
}

pub(super) fn from_agent(sequence: i64, payload_type: u32, payload: impl Into<Bytes>) -> Bytes {
    let id = 7 + u128::try_from(sequence).unwrap();
    let (kind, payload) = (Kind::OutputStreamData, payload.into());
    Frame { kind, sequence, flags: 0, id, created: 1, payload_type, payload }.encode()
}

pub(super) fn sent(data_channel: &mut DataChannel) -> Vec<Frame> {
    std::iter::from_fn(|| data_channel.next_to_send(Instant::now()))
        .map(|bytes| Frame::decode(&bytes).unwrap())
        .collect()
}

fn request() -> String {
    json!({ "AgentVersion": "3.3.3572.0", "RequestedClientActions":
        [{ "ActionType": "SessionType", "ActionParameters": { "SessionType": "Port", "Properties": {} } }] })
    .to_string()
}

fn open() -> DataChannel {
    let mut data_channel = DataChannel::new(Purpose::Connection, 1);
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
    let mut data_channel = DataChannel::new(Purpose::Connection, 1);
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

/// Data is split into payloads of limited size, and a lone line feed is sent unchanged.
#[test]
fn data_is_split_into_payloads() {
    let mut data_channel = open();
    data_channel.send(&vec![7; 2 * MAX_PAYLOAD + 1], now()).unwrap();
    data_channel.send(b"\n", now()).unwrap();
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
    assert_eq!(data_channel.next_received(), Some(Item::Stdout(Bytes::from_static(b"abc"))));
    assert_eq!(data_channel.next_received(), None);
}

/// After a pause_publication, any other message from the agent allows sending again.
#[test]
fn pause_holds_data_until_next_message() {
    let release = [bare(Kind::StartPublication), from_agent(2, payload::OUTPUT, "x"), acknowledge(0)];
    for release in release {
        let mut data_channel = open();
        data_channel.send(b"queued", now()).unwrap();
        data_channel.take(&bare(Kind::PausePublication), now()).unwrap();
        assert!(!data_channel.can_send() && data_channel.next_tick(Instant::now()).is_none());
        assert!(sent(&mut data_channel).is_empty());
        data_channel.take(&release, now()).unwrap();
        assert!(data_channel.can_send());
        assert!(sent(&mut data_channel).iter().any(|frame| &frame.payload[..] == b"queued"));
    }
}

/// After a reconnect, exactly the messages that were not acknowledged are sent again.
#[test]
fn unacknowledged_messages_are_resent_after_reconnect() {
    let mut data_channel = open();
    data_channel.send(b"one", now()).unwrap();
    data_channel.take(&acknowledge(0), now()).unwrap();
    data_channel.take(&acknowledge(1), now()).unwrap();
    assert!(data_channel.is_settled());
    data_channel.send(b"two", now()).unwrap();
    data_channel.send(b"three", now()).unwrap();
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
    let mut old = DataChannel::new(Purpose::Connection, 1);
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
    malformed(DataChannel::new(Purpose::Connection, 1).take(&from_agent(0, payload::OUTPUT, "early"), now()));
    malformed(open().take(&from_agent(2, payload::HANDSHAKE_REQUEST, request()), now()));
    let many = json!({ "AgentVersion": "3.1", "RequestedClientActions": vec![0; 17] }).to_string();
    malformed(DataChannel::new(Purpose::Connection, 1).take(&from_agent(0, payload::HANDSHAKE_REQUEST, many), now()));
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
    let mut data_channel = DataChannel::new(Purpose::Connection, 1);
    data_channel.take(&from_agent(0, payload::HANDSHAKE_REQUEST, request()), now()).unwrap();
    data_channel.take(&from_agent(1, payload::HANDSHAKE_COMPLETE, flood), now()).unwrap();
    assert_eq!(data_channel.take_message().unwrap().len(), 1000);
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

#[test]
fn unknown_flags_and_empty_output_are_harmless() {
    let mut data_channel = open();
    let before = data_channel.progress();
    data_channel.take(&from_agent(2, payload::FLAG, 99_u32.to_be_bytes().to_vec()), now()).unwrap();
    data_channel.take(&from_agent(3, payload::OUTPUT, ""), now()).unwrap();
    data_channel.take(&from_agent(4, 4711, "of another version"), now()).unwrap();
    assert_eq!(data_channel.next_received(), None);
    assert_eq!(
        (sent(&mut data_channel).len(), data_channel.progress()),
        (3, before + 3),
        "they count and are acknowledged"
    );
}

/// Behind a gap the agent may send only so many bytes, whatever the number of its messages.
#[test]
fn bytes_behind_a_gap_are_bounded() {
    let mut data_channel = open();
    let is_accepted = |sequence: &i64| {
        data_channel.take(&from_agent(*sequence, payload::OUTPUT, vec![0; 100_000]), now()).unwrap();
        !sent(&mut data_channel).is_empty()
    };
    let accepted = (3..1000).take_while(is_accepted).count();
    assert!((10..100).contains(&accepted), "{accepted} messages of 100 kB");
}

/// An acknowledgement shows that the connection carries data, but only the first one of a message.
#[test]
fn first_acknowledgement_counts_as_progress() {
    let mut data_channel = open();
    // The handshake's response is in flight.
    let before = data_channel.progress();
    data_channel.take(&acknowledge(0), now()).unwrap();
    assert_eq!(data_channel.progress(), before + 1);
    data_channel.take(&acknowledge(0), now()).unwrap();
    assert_eq!(data_channel.progress(), before + 1);
}

/// An unanswered message is sent again when it is due, but not while the service has paused.
#[test]
fn due_messages_are_sent_again() {
    let mut data_channel = open();
    let start = now();
    let after = |seconds: u64| Now { instant: start.instant + Duration::from_secs(seconds), ..start };
    data_channel.take(&acknowledge(0), start).unwrap();
    data_channel.send(b"x", start).unwrap();
    assert_eq!(data_channel.next_tick(Instant::now()), None, "it waits for the websocket");
    assert_eq!(sent(&mut data_channel).len(), 1);
    assert!(data_channel.next_tick(Instant::now()).is_some_and(|due| due < after(2).instant));
    assert!(data_channel.waiting_for(after(9)) >= Duration::from_secs(8) && !data_channel.is_settled());
    data_channel.take(&bare(Kind::PausePublication), start).unwrap();
    data_channel.tick(after(9));
    assert!(data_channel.is_paused() && sent(&mut data_channel).is_empty());
    data_channel.take(&bare(Kind::StartPublication), start).unwrap();
    data_channel.tick(after(9));
    assert_eq!((data_channel.is_paused(), sent(&mut data_channel).len()), (false, 1));
}

/// In a steady upload there is always something that waits to be sent. A lost message was repeated only after the window was full.
#[test]
fn lost_message_is_repeated_during_an_upload() {
    const LOST: i64 = 300;
    const ROUND_TRIP: usize = 20;
    let mut data_channel = open();
    let start = now();
    let mut on_the_way: VecDeque<(usize, i64)> = VecDeque::new();
    let mut left_at = Vec::new();
    for ms in 0..2000 {
        let now = Now { instant: start.instant + Duration::from_millis(ms as u64), ..start };
        while data_channel.can_send() {
            data_channel.send(b"x", now).unwrap();
        }
        data_channel.tick(now);
        while let Some(bytes) = data_channel.next_to_send(now.instant) {
            let sequence = Frame::decode(&bytes).unwrap().sequence;
            if sequence == LOST {
                left_at.push(ms);
            }
            if sequence != LOST || left_at.len() > 1 {
                on_the_way.push_back((ms + ROUND_TRIP, sequence));
            }
        }
        while on_the_way.front().is_some_and(|(arrives, _)| *arrives <= ms) {
            data_channel.take(&acknowledge(on_the_way.pop_front().unwrap().1), now).unwrap();
        }
    }
    let [first, second] = left_at[..] else { panic!("sent {} times", left_at.len()) };
    assert!(second - first <= 100, "{first} ms and {second} ms");
}

/// Nothing is late that nobody has looked for: the reader takes nothing, so no acknowledgement is read.
#[test]
fn timers_rest_while_nothing_is_read() {
    let mut data_channel = open();
    let start = now();
    let after = |seconds: u64| Now { instant: start.instant + Duration::from_secs(seconds), ..start };
    data_channel.take(&acknowledge(0), start).unwrap();
    data_channel.send(b"x", start).unwrap();
    assert_eq!(sent(&mut data_channel).len(), 1);
    for sequence in 2..=2 + 1024 {
        data_channel.take(&from_agent(sequence, payload::OUTPUT, vec![0; 1024]), start).unwrap();
    }
    sent(&mut data_channel);
    assert!(!data_channel.can_take());
    for seconds in 1..60 {
        data_channel.tick(after(seconds));
        assert!(data_channel.next_to_send(after(seconds).instant).is_none());
    }
    while data_channel.next_received().is_some() {}
    data_channel.tick(after(60));
    assert!(data_channel.waiting_for(after(60)).is_zero() && data_channel.next_to_send(after(60).instant).is_none());
    data_channel.tick(after(62));
    assert!(data_channel.next_to_send(after(62).instant).is_some(), "now it is late");
}

/// After a stall the oldest messages are repeated, in their order, and none that was acknowledged in the meantime.
#[test]
fn few_messages_are_repeated_after_a_stall() {
    let mut data_channel = open();
    let start = now();
    let at = |ms: u64| Now { instant: start.instant + Duration::from_millis(ms), ..start };
    let mut ms = 0;
    for _ in 0..200 {
        while !data_channel.can_send() || data_channel.next_to_send(at(ms).instant).is_some() {
            ms += 1;
        }
        data_channel.send(b"x", at(ms)).unwrap();
    }
    for later in ms..ms + 5000 {
        data_channel.tick(at(later));
    }
    let queued: Vec<i64> = data_channel.to_send.iter().map(|(number, _)| *number).collect();
    assert!(queued.len() <= 40 && queued.is_sorted(), "{queued:?}");
    for number in 0..=200 {
        data_channel.take(&acknowledge(number), at(ms + 5000)).unwrap();
    }
    assert!(data_channel.next_to_send(at(ms + 9000).instant).is_none() && data_channel.can_send());
}
