//! Tests of merging the two files, and of what the SDK is given in their place.

use std::borrow::Cow;
use std::path::Path;

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use super::SharedConfig;

fn config(config: &str, credentials: &str) -> SharedConfig {
    SharedConfig::of_texts(config, credentials)
}

fn get(shared: &SharedConfig, profile: &str, key: &str) -> Option<String> {
    shared.profile(profile).unwrap().and_then(|profile| profile.get(key)).map(str::to_owned)
}

#[test]
fn profiles_have_prefixed_and_quoted_names() {
    let shared = config(
        "[default]\nk = d\n[profile a]\nk = a\n[profile \"My Laptop\"]\nk = m\n[profile 'x y']\nk = x\n[b]\nk = b\n[profile c d]\nk = c",
        "[e]\nk = e\n[My Laptop]\nl = l",
    );
    let expected = [("default", "d"), ("a", "a"), ("My Laptop", "m"), ("x y", "x"), ("e", "e")];
    for (profile, value) in expected {
        assert_eq!(get(&shared, profile, "k").as_deref(), Some(value), "{profile}");
    }
    assert_eq!(get(&shared, "My Laptop", "l").as_deref(), Some("l"));
    for missing in ["b", "c", "c d", "profile a"] {
        assert!(shared.profile(missing).unwrap().is_none(), "{missing}");
    }
}

#[test]
fn credentials_file_goes_before_config_file() {
    let shared = config("[profile a]\naws_access_key_id = C\nregion = r", "[a]\naws_access_key_id = K");
    assert_eq!(get(&shared, "a", "aws_access_key_id").as_deref(), Some("K"));
    assert_eq!(get(&shared, "a", "region").as_deref(), Some("r"));
    assert!(shared.profile("a").unwrap().unwrap().has_keys_in_credentials_file());
    let shared = config("[profile a]\naws_access_key_id = C", "");
    assert!(!shared.profile("a").unwrap().unwrap().has_keys_in_credentials_file());
}

#[test]
fn unreadable_section_matters_only_where_it_is_used() {
    let shared = config("[profile good]\nk = v\n[profile bad]\nnonsense", "[half]\nx");
    assert!(shared.profile("good").unwrap().is_some() && shared.unreadable().is_none());
    let error = shared.profile("bad").unwrap_err();
    assert_eq!((error.path.as_path(), error.problem.line), (Path::new("config"), Some(4)));
    let error = shared.profile("half").unwrap_err();
    assert_eq!((error.path.as_path(), error.problem.line), (Path::new("credentials"), Some(2)));
    assert!(config("nonsense", "").unreadable().is_some());
}

/// The SDK's parser reads the text that it is given, with everything in it that is not resolved here.
#[tokio::test]
async fn sdk_reads_what_it_is_given() {
    let shared = config(
        "[profile \"My Laptop\"] # comment\n  region: r\n  sso_session = s\n  services = local\n  aws_access_key_id = K\n  \
         s3 =\n    odd line\n    x = 1\n  strange key! = v\n[sso-session s]\nsso_region = q\n[services local]\nssm =\n  endpoint_url = http://x",
        "",
    );
    let files =
        EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, shared.sdk_text("My Laptop")).build();
    let name = Some(Cow::Borrowed("default"));
    let read = aws_config::profile::load(&Fs::real(), &Env::from_slice(&[]), &files, name).await.unwrap();
    let properties = ["region", "sso_session", "services", "s3", "aws_access_key_id"].map(|key| read.get(key));
    assert_eq!(properties, [Some("r"), Some("s"), Some("local"), Some("\nx = 1"), None]);
    assert_eq!(read.sso_session("s").and_then(|session| session.get("sso_region")), Some("q"));
    assert!(shared.sdk_text("My Laptop").contains("[services local]\nssm =\n  endpoint_url = http://x\n"));
    assert_eq!(shared.sdk_text("missing"), "");
    assert_eq!(shared.service_setting("My Laptop", "SSM", "endpoint_url").as_deref(), Some("http://x"));
    assert_eq!(shared.service_setting("My Laptop", "EC2", "endpoint_url"), None);
}

/// The AWS CLI accepts an SSO session beside the older settings of the same session; the SDK refuses the profile.
#[tokio::test]
async fn sso_session_goes_before_older_settings() {
    let sso =
        "sso_account_id = 1\nsso_role_name = x\nsso_region = q\nsso_start_url = https://example.awsapps.com/start\n";
    let shared =
        config(&format!("[profile a]\nsso_session = s\n{sso}[sso-session s]\nsso_region = q\n[profile b]\n{sso}"), "");
    assert!(!shared.sdk_text("a").contains("sso_start_url") && shared.sdk_text("a").contains("sso_session = s"));
    assert!(shared.sdk_text("b").contains("sso_start_url"));
}
