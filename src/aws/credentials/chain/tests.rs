//! Tables of profiles and the sources of their credentials.

use aws_credential_types::Credentials;

use super::{Source, login_of, source_of};
use crate::aws::model::LoginMethod;
use crate::aws::shared_config::SharedConfig;

/// Describes the source of a profile in a few words.
fn found(config: &str, credentials: &str, name: &str) -> String {
    match source_of(&SharedConfig::of_texts(config, credentials), name) {
        Ok(source) => source.map_or("none".to_owned(), |source| describe(&source)),
        Err(error) => format!("error: {error}"),
    }
}

fn describe(source: &Source) -> String {
    match source {
        Source::Keys(keys) => format!("keys {}", keys.access_key_id()),
        Source::Process { command, .. } => format!("process {command}"),
        Source::Sdk { profile, login } => format!("sdk {profile} {login:?}"),
        Source::Role(role) => format!("role {} by {}", role.arn, describe(&role.source)),
        other => format!("{other:?}"),
    }
}

const KEYS: &str = "aws_access_key_id = K\naws_secret_access_key = S\n";

#[test]
fn source_follows_botocores_order() {
    let profile = |body: &str| format!("[profile p]\n{body}");
    let base = format!("[base]\n{KEYS}");
    let table = [
        (profile("region = r"), "none"),
        (profile(KEYS), "keys K"),
        (profile("credential_process = run me"), "process run me"),
        (profile(&format!("{KEYS}credential_process = run me")), "process run me"),
        (profile(&format!("{KEYS}credential_process = run me\nlogin_session = arn")), "sdk p Session"),
        (profile("sso_session = s\nsso_account_id = 1\nsso_role_name = r\nlogin_session = arn"), "sdk p Sso"),
        (profile("role_arn = R\nweb_identity_token_file = f\nsso_account_id = 1"), "sdk p Other"),
        (profile("role_arn = R\nsource_profile = base"), "role R by keys K"),
        (profile(&format!("role_arn = R\nsource_profile = p\n{KEYS}")), "role R by keys K"),
        (profile("role_arn = R\ncredential_source = environment"), "role R by Environment"),
        (profile("role_arn = R\ncredential_source = EcsContainer"), "role R by Container"),
        (profile("role_arn = R\ncredential_source = Ec2InstanceMetadata"), "role R by InstanceMetadata"),
        (
            profile("role_arn = R\nsource_profile = q\n[profile q]\nrole_arn = Q\nsource_profile = base"),
            "role R by role Q by keys K",
        ),
        (profile("role_arn = R"), "error: profile p: a role_arn needs a source_profile or a credential_source"),
        (
            profile("role_arn = R\nsource_profile = a\ncredential_source = b"),
            "error: profile p: it has both a source_profile and a credential_source",
        ),
        (
            profile("role_arn = R\nsource_profile = nowhere"),
            "error: profile p: its source_profile 'nowhere' does not exist",
        ),
        (
            profile("role_arn = R\nsource_profile = p"),
            "error: profile p: its chain of source_profiles comes back to it",
        ),
        (
            profile("role_arn = R\nsource_profile = q\n[profile q]\nrole_arn = Q\nsource_profile = p"),
            "error: profile p: its chain of source_profiles comes back to it",
        ),
        (
            profile("role_arn = R\nsource_profile = q\n[profile q]\nregion = r"),
            "error: profile q has no credentials, and a role is to be assumed with it",
        ),
        (profile("role_arn = R\ncredential_source = moon"), "error: profile p: 'moon' is not a credential_source"),
        (profile("aws_access_key_id = K"), "error: profile p: aws_secret_access_key is missing"),
        (profile("nonsense"), "error: cannot read config"),
    ];
    for (config, expected) in &table {
        assert_eq!(found(config, &base, "p"), *expected, "{config}");
    }
    assert_eq!(found("[profile p]\ncredential_process = x", &format!("[p]\n{KEYS}"), "p"), "keys K");
    assert_eq!(found("", "", "p"), "none");
}

#[test]
fn login_is_that_of_the_source() {
    let config = "[profile p]\nrole_arn = R\nsource_profile = q\n[profile q]\nsso_session = s\nsso_account_id = 1";
    let source = source_of(&SharedConfig::of_texts(config, ""), "p").unwrap().unwrap();
    assert_eq!(login_of(&source), Some((LoginMethod::Sso, "q")));
    assert_eq!(login_of(&Source::Keys(Credentials::for_tests())), None);
}

#[test]
fn role_has_the_profiles_settings() {
    let config = format!(
        "[profile p]\nrole_arn = R\nsource_profile = p\nmfa_serial = M\nexternal_id = E\nrole_session_name = N\nduration_seconds = 900\n{KEYS}"
    );
    let Some(Source::Role(role)) = source_of(&SharedConfig::of_texts(&config, ""), "p").unwrap() else { panic!() };
    let texts = [role.mfa_serial, role.external_id, role.session_name].map(Option::unwrap);
    assert_eq!((texts, role.duration_seconds), (["M", "E", "N"].map(str::to_owned), Some(900)));
    let invalid = config.replace("900", "an hour");
    let Some(Source::Role(role)) = source_of(&SharedConfig::of_texts(&invalid, ""), "p").unwrap() else { panic!() };
    assert_eq!(role.duration_seconds, None);
}
