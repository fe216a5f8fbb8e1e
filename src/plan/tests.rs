//! Tests of the plan that follows from the target, the options, the config file and the instance.

use std::path::PathBuf;

use std::sync::Arc;

use crate::aws::model::{Account, Image, Instance};
use crate::config::{AddressKind, HostKeyPolicy, Options, Via};
use crate::login::{LoginSource, default_login_user};
use crate::plan::{Authorization, Error, Plan, plan, plan_route};
use crate::settings::{Settings, Typed};
use crate::testing::instance;

fn settings(options: Options) -> Settings {
    Settings::new("web".parse().unwrap(), Typed { options, ..Typed::default() }, Arc::default())
}

fn full() -> Instance {
    Instance {
        public_ip: Some("54.1.2.3".parse().unwrap()),
        private_ip: Some("10.0.0.7".parse().unwrap()),
        ipv6: vec!["2600:1f10::1".parse().unwrap()],
        ..instance()
    }
}

fn planned(options: Options, instance: Instance) -> Result<Plan, Error> {
    let settings = settings(options);
    let route = plan_route(&settings, Account::default(), instance)?;
    Ok(plan(&settings, route, default_login_user(None)))
}

#[test]
fn identity_file_disables_the_push() {
    let identity =
        Options { identity: Some("k.pem".into()), host_keys: Some(HostKeyPolicy::Strict), ..Options::default() };
    let plan = planned(identity, full()).unwrap();
    assert_eq!(plan.authorization, Authorization::KeyFile(PathBuf::from("k.pem")));
    assert_eq!(plan.host_keys, HostKeyPolicy::Strict);
    let plan = planned(Options::default(), full()).unwrap();
    assert_eq!(plan.authorization, Authorization::Push);
}

#[test]
fn direct_route_requires_an_address() {
    let with = |via, address| {
        let options = Options { via, address, ..Options::default() };
        planned(options, Instance::default())
    };
    let error = with(Some(Via::Direct), None).unwrap_err();
    assert!(matches!(error, Error::NoAddress(_, AddressKind::Auto)));
    assert!(error.to_string().ends_with(" has no address"), "{error}");
    let error = with(None, Some(AddressKind::Public)).unwrap_err();
    assert!(matches!(error, Error::NoAddress(_, AddressKind::Public)));
    assert!(error.to_string().ends_with(" has no public address"), "{error}");
    // Session Manager needs no address.
    assert_eq!(with(None, None).unwrap().route.addresses, []);
    with(Some(Via::Eice), Some(AddressKind::Private)).unwrap();
}

#[test]
fn printed_plan_is_complete_and_escaped() {
    let image = Image { name: "ubuntu/images/hvm\u{1b}[31m".into(), ..Image::default() };
    let instance = Instance { name: Some("evil\u{1b}]0;pwned\u{7}".into()), ..full() };
    let account = Account { region: "eu-west-1".into(), profile: Some("prod".into()), ..Account::default() };
    let settings = settings(Options::default());
    let route = plan_route(&settings, account, instance).unwrap();
    insta::assert_snapshot!(plan(&settings, route, default_login_user(Some(&image))), @r"
    instance   i-0123456789abcdef0 (evil\u{1b}]0;pwned\u{7}), running, zone unknown
    account    region eu-west-1, profile prod
    user       ubuntu (default user of Ubuntu, from the image ubuntu/images/hvm\u{1b}[31m)
    key        a fresh ed25519 key, pushed through EC2 Instance Connect
    route      direct to 54.1.2.3, 2600:1f10::1, else EC2 Instance Connect Endpoint (EICE), else Session Manager, port 22
    host key   auto
    ");
}

/// Programs get every decision, and addresses as AWS gave them.
#[test]
fn plan_as_json_is_complete() {
    let options = Options { identity: Some("/k.pem".into()), port: Some(2222), ..Options::default() };
    let instance = Instance { public_dns: Some("ec2-54-1-2-3.test".into()), ..full() };
    let json = planned(options, instance).unwrap().to_json();
    assert_eq!(json["instance"]["id"], crate::testing::ID);
    assert_eq!(json["addresses"], serde_json::json!(["ec2-54-1-2-3.test", "2600:1f10::1"]));
    assert_eq!(json["key"], serde_json::json!({ "kind": "file", "path": "/k.pem" }));
    let rest = ["user", "userSource", "via", "port", "hostKeys"].map(|key| json[key].to_string());
    assert_eq!(rest, ["\"ec2-user\"", &format!("\"{}\"", LoginSource::Fallback), "\"auto\"", "2222", "\"auto\""]);
    let pushed = planned(Options::default(), full()).unwrap().to_json();
    assert_eq!(pushed["key"]["kind"], "pushed");
}
