//! The connection itself, and the server at its end.

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
            let because = [format!("{peer} does not answer, and no rule that is known explains it")];
            Verdict::failed(Cause::TimedOut { address: peer.ip(), port }, because)
        }
        Reach::NoNetwork { .. } | Reach::NoAddress | Reach::NotTried => {
            Verdict::Irrelevant("no connection was tried".to_owned())
        }
    }
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
        HostKey::NoExchange(why) => Verdict::Unknown(why.clone()),
        HostKey::NotSeen => Verdict::Irrelevant("no host key was seen".to_owned()),
    }
}
