//! Tests of what ssh says beside its defaults.

use super::*;
use crate::config::{Options, RequestTty};
use crate::forward_spec::Forward;

const DEFAULTS: &str = "host db\nuser me\nhostname db\nport 22\nserveraliveinterval 0\nrequesttty auto\n\
    identityfile ~/.ssh/id_ed25519\nciphers a,b\nloglevel INFO\n";

#[test]
fn defaults_of_ssh_are_nobodys_wish() {
    assert_eq!(difference("db", DEFAULTS, DEFAULTS), Found::default());
    let said = DEFAULTS
        .replace("user me", "user admin")
        .replace("auto", "force")
        .replace("identityfile", "identityfile ~/k.pem\nidentityfile")
        + "localforward 8080 [localhost]:80\nsendenv A_*\nsetenv B=c d\nnewoption x\nremoteforward 1080 [socks]:0\n";
    let found = difference("db", &said, DEFAULTS);
    let options = Options {
        user: Some("admin".to_owned()),
        request_tty: Some(RequestTty::Force),
        local_forward: Some(vec![Forward::local("8080:localhost:80").unwrap()]),
        send_env: Some(vec!["A_*".to_owned()]),
        set_env: Some(vec!["B=c d".to_owned()]),
        remote_forward: Some(vec![Forward::remote("1080").unwrap()]),
        ..Options::default()
    };
    let (identities, unusable) = (vec!["~/k.pem".to_owned()], vec!["ssh has no option \"newoption\"".to_owned()]);
    assert_eq!(found, Found { options, identities, unusable, ..Found::default() });
}

#[test]
fn host_names_in_other_letters_are_the_same() {
    assert_eq!(difference("DB", "hostname db\n", "").host_name, None);
    assert_eq!(
        difference("db", "hostname i-0123456789abcdef0\n", "").host_name.as_deref(),
        Some("i-0123456789abcdef0")
    );
}

#[test]
fn own_block_is_for_plain_ssh() {
    let block = "proxycommand /usr/bin/ec2ssh proxy --fdpass -- '%h'\nidentityfile /run/x.pub\nuser ubuntu\n";
    let found = difference("db", block, "");
    assert!(found.lacking.is_empty() && found.identities.is_empty());
    assert_eq!(found.options.user.as_deref(), Some("ubuntu"));
    let found = difference("db", "proxycommand aws ssm start-session --target %h\nciphers x\nforwardx11 no\n", "");
    assert_eq!(found.lacking, ["ProxyCommand", "Ciphers"]);
}
