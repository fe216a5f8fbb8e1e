//! The connection itself, and the server at its end.

use super::groups::admitted;
use super::network::{acl, public_access, route_table};
use crate::diagnose::cause::Cause;
use crate::diagnose::check::Verdict;
use crate::facts::{Facts, HostKey, Reach};

pub(super) fn connection(facts: &Facts) -> Verdict {
    let port = facts.plan.port;
    match &facts.reach {
        Reach::Ssh { peer } | Reach::Silent { peer } | Reach::Other { peer, .. } => {
            Verdict::Passed(format!("connected to {peer}"))
        }
        Reach::Refused { peer } => {
            let because = [format!("{peer} answers that nothing listens on port {port}")];
            Verdict::failed(Cause::Refused { address: peer.ip(), port }, because)
        }
        Reach::TimedOut { peer } => {
            let gaps = gaps(facts);
            let because = match &gaps[..] {
                [] => vec![format!("{peer} does not answer, and the rules of AWS let its packets pass")],
                gaps => vec![
                    format!("{peer} does not answer, and no rule that is known explains it"),
                    format!("not known: {}", gaps.join(", ")),
                ],
            };
            Verdict::failed(Cause::TimedOut { address: peer.ip(), port, is_explained: gaps.is_empty() }, because)
        }
        Reach::Rejected { peer } => {
            let because = [format!("a message on the way says that {peer} cannot be reached (no route to host)")];
            Verdict::failed(Cause::Rejected { address: peer.ip(), port }, because)
        }
        Reach::NoNetwork { .. } | Reach::NoAddress | Reach::NotTried => {
            Verdict::Irrelevant("no connection was tried".to_owned())
        }
    }
}

/// Returns what is not known of the rules on the way.
fn gaps(facts: &Facts) -> Vec<String> {
    let verdicts = [
        ("route table", route_table(facts)),
        ("Block Public Access", public_access(facts)),
        ("network ACL", acl(facts)),
        ("security groups", admitted(facts)),
    ];
    let unknown = verdicts.into_iter().filter_map(|(name, verdict)| match verdict {
        Verdict::Unknown(why) => Some(format!("{name} ({why})")),
        _ => None,
    });
    unknown.collect()
}

pub(super) fn server(facts: &Facts) -> Verdict {
    let port = facts.plan.port;
    match &facts.reach {
        Reach::Ssh { peer } => Verdict::Passed(format!("an SSH server answers at {peer}")),
        Reach::Silent { peer } => {
            let because = [format!("{peer} accepts the connection and says nothing")];
            Verdict::failed(Cause::SilentServer { address: peer.ip(), port }, because)
        }
        Reach::Other { peer, detail } => {
            let because = [format!("{peer}: {detail}")];
            Verdict::failed(Cause::OtherServer { address: peer.ip(), port }, because)
        }
        _ => Verdict::Irrelevant("no connection was made".to_owned()),
    }
}

pub(super) fn host_key(facts: &Facts) -> Verdict {
    match &facts.host_key {
        HostKey::Trusted(how) => Verdict::Passed(how.clone()),
        HostKey::New => Verdict::Passed("not known yet: it is verified at the first connection".to_owned()),
        HostKey::Refused(why, contradicts) => {
            Verdict::failed(Cause::HostKey { contradicts: *contradicts }, [why.clone()])
        }
        HostKey::NoExchange(why) => Verdict::failed(Cause::NoExchange, [why.clone()]),
        HostKey::NotSeen => Verdict::Irrelevant("no host key was seen".to_owned()),
    }
}
