//! The instance that a target meant when it was last looked up, for when AWS cannot be asked.

use std::collections::HashSet;
use std::net::IpAddr;

use super::error::Error;
use super::located::Located;
use super::lookup_cache::{self, Remembered};
use crate::aws::environment;
use crate::aws::model::{Account, Instance};
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
    choose(settings, &Asked::of(settings), lookup_cache::all())
}

/// The account and region that are asked for, as far as they are known without a call.
#[derive(Clone, Debug, Default)]
struct Asked {
    scope: Option<String>,
    region: Option<String>,
}

impl Asked {
    fn of(settings: &Settings) -> Self {
        let access = &settings.access;
        Self { scope: environment::account(access), region: environment::configured_region(access) }
    }

    /// Whether these may be the account and region that were found.
    fn allows(&self, account: &Account) -> bool {
        self.scope.as_ref().is_none_or(|scope| *scope == account.scope)
            && self.region.as_ref().is_none_or(|region| *region == account.region)
    }
}

fn choose(settings: &Settings, asked: &Asked, all: Vec<Remembered>) -> Result<LastSeen, Error> {
    let selector = &settings.target.selector;
    let target = selector.to_string();
    let mut all: Vec<Remembered> = all.into_iter().filter(|one| asked.allows(&one.account)).collect();
    let scopes: HashSet<&str> = all.iter().map(|one| one.account.scope.as_str()).collect();
    // Nothing says which of several accounts is meant.
    if asked.scope.is_none() && scopes.len() > 1 {
        return Err(Error::NotRemembered { target });
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.at));
    let typed = settings.target.whole_name().unwrap_or_else(|| target.clone());
    let pick = format!("{:?}", settings.pick);
    let exact = all.iter().find(|one| one.typed == typed && one.pick == pick).map(|one| one.instance.id.clone());
    // Each instance counts as it was found last: an earlier name may be another one's by now.
    let mut ids = HashSet::new();
    let newest: Vec<Remembered> = all.into_iter().filter(|one| ids.insert(one.instance.id.clone())).collect();
    let fits =
        |one: &Remembered| exact.as_ref().map_or_else(|| is(selector, &one.instance), |id| one.instance.id == *id);
    let mut fitting: Vec<Remembered> = newest.into_iter().filter(fits).collect();
    match (fitting.len(), fitting.pop()) {
        (1, Some(Remembered { mut account, instance, at, .. })) => {
            account.profile = settings.access.profile.clone().or_else(environment::profile);
            Ok(LastSeen { located: Located { account, instance, booting: None }, at })
        }
        (_, None) => Err(Error::NotRemembered { target }),
        (_, Some(last)) => {
            let candidates = fitting.into_iter().chain([last]).map(|one| one.instance).collect();
            Err(Error::Ambiguous { target, candidates, shown: false })
        }
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
    use crate::settings::Typed;
    use crate::testing::instance;

    fn remembered(place: &str, typed: &str, id: &str, name: &str, at: i64) -> Remembered {
        let (scope, region) = place.split_once('/').unwrap();
        let account = Account { region: region.into(), profile: None, scope: scope.into() };
        let instance = Instance {
            id: id.into(),
            name: Some(name.into()),
            private_ip: Some("10.0.0.7".parse().unwrap()),
            ..instance()
        };
        Remembered { account, pick: "Only".into(), typed: typed.into(), instance, at }
    }

    fn choose_in(all: Vec<Remembered>, typed: &str, asked: &str) -> Result<(String, i64), Error> {
        let settings = Settings::new(typed.parse().unwrap(), Typed::default(), std::sync::Arc::default());
        let part = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (scope, region) = asked.split_once('/').unwrap();
        let asked = Asked { scope: part(scope), region: part(region) };
        choose(&settings, &asked, all).map(|found| (found.located.instance.id, found.at))
    }

    #[test]
    fn newest_of_one_instance_is_taken() {
        let all = || {
            vec![
                remembered("1/r", "web", "i-00000001", "web-1", 5),
                remembered("1/r", "web-1", "i-00000001", "web-1", 9),
                remembered("1/q", "tag:a=b", "i-00000002", "web-1", 7),
            ]
        };
        let chosen = |typed: &str, asked: &str| choose_in(all(), typed, asked);
        let one = Some(("i-00000001".to_owned(), 9));
        // As it was found last, by whatever name.
        assert_eq!(chosen("web", "1/").ok(), one);
        assert_eq!(chosen("i-00000001", "/").ok(), one);
        assert_eq!(chosen("web-1", "1/r").ok(), one);
        assert_eq!(chosen("tag:a=b", "1/").ok(), Some(("i-00000002".to_owned(), 7)));
        assert!(matches!(chosen("10.0.0.7", "1/"), Err(Error::Ambiguous { .. })));
        assert!(matches!(chosen("db-1", "1/"), Err(Error::NotRemembered { .. })));
        let replaced = vec![
            remembered("1/r", "web-1", "i-00000001", "web-1", 5),
            remembered("1/r", "web-1", "i-00000002", "web-1", 9),
        ];
        assert_eq!(choose_in(replaced, "web-1", "1/r").ok(), Some(("i-00000002".to_owned(), 9)));
    }

    /// Production's `web-1` is not the one of another account, whatever is known of its host key.
    #[test]
    fn other_accounts_and_regions_are_not_meant() {
        let all = || vec![remembered("prod/r", "web-1", "i-00000001", "web-1", 9)];
        assert!(choose_in(all(), "web-1", "prod/r").is_ok());
        for asked in ["staging/r", "prod/q", "staging/", "/q"] {
            assert!(matches!(choose_in(all(), "web-1", asked), Err(Error::NotRemembered { .. })), "{asked}");
        }
        // With two accounts nothing is guessed.
        let two = vec![all().remove(0), remembered("staging/r", "db-1", "i-00000002", "db-1", 7)];
        assert!(matches!(choose_in(two, "web-1", "/"), Err(Error::NotRemembered { .. })));
    }
}
