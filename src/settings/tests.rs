//! Tests of the precedence of what is typed and configured.

use super::{Settings, Typed};
use crate::config::Options;
use crate::login::LoginSource;

fn merge(typed: &str, options: Options, configured: &Options) -> Settings {
    Settings::merge(typed.parse().unwrap(), Typed { options, ..Typed::default() }, configured)
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
