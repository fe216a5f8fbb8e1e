//! The instance that a target meant when it was last looked up, for when AWS cannot be asked.

use std::net::IpAddr;

use super::error::Error;
use super::located::Located;
use super::lookup_cache::{self, Remembered};
use crate::aws::environment;
use crate::aws::model::Instance;
use crate::settings::Settings;
use crate::target::Selector;

/// An instance as it was when it was last found.
#[derive(Clone, Debug)]
pub(crate) struct LastSeen {
    /// The instance, and where it was found.
    pub located: Located,
    /// When that was, in seconds since the Unix epoch.
    pub at: i64,
}

/// Returns the instance that the target meant last, without a call.
///
/// # Errors
/// None is remembered, or several are.
pub(crate) fn last_seen(settings: &Settings) -> Result<LastSeen, Error> {
    choose(settings, lookup_cache::all())
}

fn choose(settings: &Settings, all: Vec<Remembered>) -> Result<LastSeen, Error> {
    let selector = &settings.target.selector;
    let typed = settings.target.whole_name().unwrap_or_else(|| selector.to_string());
    let wanted_region = settings.access.region.as_deref();
    let fits = |one: &Remembered| {
        (one.typed == typed || is(selector, &one.instance))
            && wanted_region.is_none_or(|region| region == one.account.region)
    };
    let mut fitting: Vec<Remembered> = all.into_iter().filter(fits).collect();
    fitting.sort_by_key(|one| std::cmp::Reverse(one.at));
    let mut candidates: Vec<Instance> = Vec::new();
    for one in &fitting {
        if candidates.iter().all(|known| known.id != one.instance.id) {
            candidates.push(one.instance.clone());
        }
    }
    let target = selector.to_string();
    match (candidates.len(), fitting.into_iter().next()) {
        (1, Some(Remembered { mut account, instance, at, .. })) => {
            account.profile = settings.access.profile.clone().or_else(environment::profile);
            Ok(LastSeen { located: Located { account, instance, booting: None }, at })
        }
        (0, _) | (_, None) => Err(Error::NotRemembered { target }),
        _ => Err(Error::Ambiguous { target, candidates, shown: false }),
    }
}

/// Whether the selector means this instance, going by what is remembered of it.
fn is(selector: &Selector, instance: &Instance) -> bool {
    match selector {
        Selector::Id(id) => *id == instance.id,
        Selector::Name(name) => instance.name.as_ref() == Some(name),
        Selector::Address(IpAddr::V4(ip)) => {
            let first = [instance.public_ip, instance.private_ip];
            first
                .iter()
                .flatten()
                .chain(&instance.other_public_ips)
                .chain(&instance.other_private_ips)
                .any(|other| other == ip)
        }
        Selector::Address(IpAddr::V6(ip)) => instance.ipv6.contains(ip),
        Selector::PublicDns(name) => instance.public_dns.as_ref() == Some(name),
        Selector::PrivateDns(name) => instance.private_dns.as_ref() == Some(name),
        Selector::Tag { .. } | Selector::AutoScalingGroup(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::model::Account;
    use crate::settings::Typed;
    use crate::testing::instance;

    fn remembered(region: &str, typed: &str, id: &str, at: i64) -> Remembered {
        let account = Account { region: region.into(), profile: None, scope: "1".into() };
        let instance = Instance {
            id: id.into(),
            name: Some("web-1".into()),
            private_ip: Some("10.0.0.7".parse().unwrap()),
            ..instance()
        };
        Remembered { account, typed: typed.into(), instance, at }
    }

    #[test]
    fn newest_of_one_instance_is_taken() {
        let all = || {
            vec![
                remembered("r", "web", "i-00000001", 5),
                remembered("r", "web-1", "i-00000001", 9),
                remembered("q", "tag:a=b", "i-00000002", 7),
            ]
        };
        let chosen = |typed: &str, region: Option<&str>| {
            let mut settings = Settings::new(typed.parse().unwrap(), Typed::default(), std::sync::Arc::default());
            settings.access.region = region.map(str::to_owned);
            choose(&settings, all()).map(|found| (found.located.instance.id, found.at))
        };
        let one = |at| Some(("i-00000001".to_owned(), at));
        assert_eq!(chosen("web", None).ok(), one(5));
        assert_eq!(chosen("i-00000001", None).ok(), one(9));
        assert_eq!(chosen("web-1", Some("r")).ok(), one(9));
        assert_eq!(chosen("tag:a=b", None).ok(), Some(("i-00000002".to_owned(), 7)));
        // Two accounts have an instance of this name and address: no guess.
        for typed in ["web-1", "10.0.0.7"] {
            assert!(matches!(chosen(typed, None), Err(Error::Ambiguous { .. })), "{typed}");
        }
        assert!(matches!(chosen("db-1", None), Err(Error::NotRemembered { .. })));
    }
}
