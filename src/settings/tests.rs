//! Tests of the precedence of what is typed and configured.

use std::path::Path;
use std::sync::Arc;

use super::{Settings, Typed};
use crate::aws::model::Instance;
use crate::config::{Config, HostKeyPolicy, Options};
use crate::login::LoginSource;
use crate::testing::instance;

fn merge(typed: &str, options: Options, configured: &Options) -> Settings {
    Settings::merge(typed.parse().unwrap(), Typed { options, ..Typed::default() }, configured, Arc::default())
}

/// The user of the target wins over the option, and the option over the config file. Without any, the image decides.
#[test]
fn user_precedence_is_target_option_config() {
    let options = |user: &str| Options { user: Some(user.into()), ..Options::default() };
    let none = Options::default;
    let table = [
        ("alice@web", options("bob"), options("carol"), Some(("alice", LoginSource::Typed))),
        ("web", options("bob"), options("carol"), Some(("bob", LoginSource::Typed))),
        ("web", none(), options("carol"), Some(("carol", LoginSource::Config))),
        ("web", none(), none(), None),
    ];
    for (typed, options, configured, expected) in table {
        let user = merge(typed, options, &configured).user;
        assert_eq!(user.as_ref().map(|login| (login.user.as_str(), login.source.clone())), expected);
    }
}

/// The port of the target wins over the option, and the option over the config file. The default is 22.
#[test]
fn port_precedence_is_target_option_config_default() {
    let with = |port| Options { port, ..Options::default() };
    let port = |typed: &str, options, configured| merge(typed, with(options), &with(configured)).port;
    assert_eq!(port("web:1", Some(2), Some(3)), 1);
    assert_eq!(port("web", Some(2), Some(3)), 2);
    assert_eq!(port("web", None, Some(3)), 3);
    assert_eq!(port("web", None, None), 22);
}

/// A hint that names the instance by its id led around a table for its name, and with it around `host-keys = "strict"`.
#[test]
fn tables_match_the_instance_that_was_found() {
    let text = "[[host]]\nmatch = \"web-*\"\nhost-keys = \"strict\"\nregion = \"us-east-1\"\n[[host]]\nmatch = \"i-0*\"\nport = 2222\n";
    let config = Arc::new(Config::parse(text, Path::new("config.toml")).unwrap());
    let web = Instance { name: Some("web-1".into()), ..instance() };
    let db = Instance { name: Some("db-1".into()), ..instance() };
    for (typed, found, expected) in [
        (web.id.as_str(), &web, (HostKeyPolicy::Strict, 2222)),
        ("10.0.0.7", &web, (HostKeyPolicy::Strict, 2222)),
        ("web-1", &web, (HostKeyPolicy::Strict, 2222)),
        ("10.0.0.8", &db, (HostKeyPolicy::Auto, 2222)),
        // What was typed counts as well: a prefix of the name, or a name that has gone.
        ("web-", &db, (HostKeyPolicy::Strict, 2222)),
    ] {
        let before = Settings::new(typed.parse().unwrap(), Typed::default(), Arc::clone(&config));
        let settings = before.for_instance(found);
        assert_eq!((settings.host_keys, settings.port), expected, "{typed}");
        // It was found in the region that the typed name gives.
        assert_eq!(settings.access, before.access);
    }
    let typed = Typed { options: Options { port: Some(1), ..Options::default() }, ..Typed::default() };
    assert_eq!(Settings::new("web-1".parse().unwrap(), typed, config).for_instance(&web).port, 1);
}

/// A Name tag may be set by others, so it does not loosen what the table for the typed id says.
#[test]
fn tables_for_what_was_typed_go_first() {
    let text = "[[host]]\nmatch = \"dev-*\"\nhost-keys = \"accept-new\"\nport = 2222\n[[host]]\nmatch = \"i-0*\"\nhost-keys = \"strict\"\n";
    let config = Arc::new(Config::parse(text, Path::new("config.toml")).unwrap());
    let renamed = Instance { name: Some("dev-x".into()), ..instance() };
    let of = |typed: &str| {
        let settings =
            Settings::new(typed.parse().unwrap(), Typed::default(), Arc::clone(&config)).for_instance(&renamed);
        (settings.host_keys, settings.port)
    };
    assert_eq!(of(&renamed.id), (HostKeyPolicy::Strict, 2222));
    assert_eq!(of("dev-x"), (HostKeyPolicy::AcceptNew, 2222));
}
