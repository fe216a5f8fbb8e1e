//! Reports about credentials and the shared config files.

use std::process::Command;

use ec2ssh_lab::{Fault, Instance, Role};

use crate::support::pty::Terminal;
use crate::support::{ID, Run, World};

const PROD: &str = "AKIAPRODPRODPRODPROD";

/// Creates a world with one instance, two files in place of the environment's keys, and a key that the cloud accepts.
fn world(config: &str, credentials: &str) -> World {
    let world = World::empty();
    world.cloud.add(Instance::named(ID, "web-1"));
    world.cloud.accept_key(PROD);
    world.file(".aws/config", config, 0o600);
    world.file(".aws/credentials", credentials, 0o600);
    world
}

/// Creates a command for the binary without the environment's keys and region.
fn without_keys(world: &World, line: &str) -> Command {
    let mut command = world.ec2ssh(line);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
        command.env_remove(name);
    }
    command
}

fn run(mut command: Command) -> Run {
    Run::of(command.output().unwrap())
}

/// Returns the access keys that signed the calls, each once.
fn signers(world: &World) -> Vec<String> {
    let mut keys: Vec<String> = world.cloud.calls().into_iter().map(|call| call.access_key).collect();
    keys.dedup();
    keys
}

const PROD_CONFIG: &str = "[default]\nregion = eu-west-1\n\n[profile prod]\nregion = eu-central-1\n";
const PROD_CREDENTIALS: &str = "[prod]\naws_access_key_id = AKIAPRODPRODPRODPROD\naws_secret_access_key = s\n";

/// The keys of another account in the environment were used in place of the profile that was named.
#[test]
fn named_profile_beats_keys_in_the_environment() {
    let world = world(PROD_CONFIG, PROD_CREDENTIALS);
    world.run("--dry-run --profile prod web-1").expect(0);
    assert_eq!(signers(&world), [PROD]);
    world.config("[defaults]\nprofile = \"prod\"\n");
    world.run("list").expect(0);
    assert_eq!(signers(&world), [PROD]);
    world.config("");
    // As in the AWS CLI, a profile that only the environment names does not go before the environment's keys.
    run({
        let mut command = world.ec2ssh("list");
        command.env("AWS_PROFILE", "prod");
        command
    })
    .expect(0);
    assert_eq!(signers(&world), [PROD, world.cloud.access_key()]);
    world.run("--dry-run web-1").expect(0);
    let cached = std::fs::read_to_string(world.path("cache/ec2ssh/instances.json")).unwrap();
    let cached: serde_json::Value = serde_json::from_str(&cached).unwrap();
    assert_eq!(cached.as_object().unwrap().len(), 2, "each account has an entry of its own: {cached}");
}

/// Files that the AWS CLI reads made the whole configuration unreadable.
#[test]
fn config_files_of_the_aws_cli_are_read() {
    let keys = "aws_access_key_id = AKIAPRODPRODPRODPROD\n";
    let table = [
        (
            "prod",
            format!(
                "[default]\nregion = eu-west-1\n\n[profile prod]\n    region = r\n    {keys}    aws_secret_access_key = s\n"
            ),
        ),
        (
            "prod",
            "[profile prod]\nregion: r\naws_access_key_id: AKIAPRODPRODPRODPROD\naws_secret_access_key: s\n".to_owned(),
        ),
        ("prod", format!("[profile prod] # the real one\nregion = r\n{keys}aws_secret_access_key = s\n")),
        (
            "prod",
            format!("[profile odd]\nno sense at all\n[profile prod]\nregion = r\n{keys}aws_secret_access_key = s\n"),
        ),
        ("My Laptop", format!("[profile \"My Laptop\"]\nregion = r\n{keys}aws_secret_access_key = s\n")),
        ("prod", format!("[profile prod]\nregion = r\n{keys}aws_secret_access_key = s\ns3 =\n  odd\n")),
    ];
    for (profile, config) in table {
        let world = world(&config, "");
        let mut command = without_keys(&world, "list --profile");
        command.arg(profile);
        let list = run(command).expect(0);
        assert!(list.out().contains("web-1"), "{config}\n{list}");
        assert_eq!(signers(&world), [PROD], "{config}");
    }
}

/// A byte in Latin-1 led to "no region" or "no such profile".
#[test]
fn latin1_byte_is_named_where_it_matters() {
    let config = b"# M\xfcller\n[default]\nregion = eu-west-1\naws_access_key_id = AKIAPRODPRODPRODPROD\naws_secret_access_key = x\n";
    let world = world("", "");
    std::fs::write(world.path(".aws/config"), config).unwrap();
    run(without_keys(&world, "list")).expect(0);
    let in_value = [&config[..], b"sso_account_id = \xfc\n"].concat();
    std::fs::write(world.path(".aws/config"), in_value).unwrap();
    let run = run(without_keys(&world, "list")).expect(1);
    let path = world.path(".aws/config");
    let expected = format!("Error: cannot read {}, line 6: the byte 0xfc is not valid UTF-8\n", path.display());
    assert!(run.stderr.starts_with(&expected), "{run}");
}

#[test]
fn unreadable_line_is_named_with_file_and_line() {
    let broken = world("[profile prod\nregion = r\n", "");
    for line in ["list --profile prod", "list"] {
        let run = run(without_keys(&broken, line)).expect(1);
        assert!(run.stderr.contains("/.aws/config, line 1: the section's header has no ']'"), "{run}");
        assert!(!run.stderr.contains("no region") && !run.stderr.contains("could not be found"), "{run}");
    }
}

/// `AWS_DEFAULT_PROFILE` was ignored, and a variable that was set and empty was taken as a name.
#[test]
fn empty_variables_count_as_unset() {
    let world = world(PROD_CONFIG, PROD_CREDENTIALS);
    let with = |variables: &[(&str, &str)]| {
        let mut command = without_keys(&world, "list");
        command.envs(variables.iter().copied());
        run(command)
    };
    with(&[("AWS_DEFAULT_PROFILE", "prod")]).expect(0);
    with(&[("AWS_PROFILE", "prod"), ("AWS_DEFAULT_PROFILE", "nobody")]).expect(0);
    with(&[("AWS_PROFILE", "prod"), ("AWS_DEFAULT_PROFILE", ""), ("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "")])
        .expect(0);
    with(&[("AWS_PROFILE", "prod"), ("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")]).expect(0);
    with(&[("AWS_PROFILE", "prod"), ("AWS_CONFIG_FILE", ""), ("AWS_CA_BUNDLE", ""), ("AWS_ENDPOINT_URL_EC2", "")])
        .expect(0);
    assert_eq!(signers(&world), [PROD]);
    let run = with(&[("AWS_PROFILE", "")]).expect(1);
    assert!(run.stderr.contains("no usable AWS credentials"), "{run}");
}

/// A pod's web identity was ignored where its image has a default profile with keys. The AWS CLI uses it first.
#[test]
fn web_identity_goes_before_keys_of_a_profile() {
    let world = world(
        "[default]\nregion = eu-central-1\n",
        "[default]\naws_access_key_id = AKIAPRODPRODPRODPROD\naws_secret_access_key = s\n",
    );
    let mut command = without_keys(&world, "list");
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", world.path("no-token")).env("AWS_ROLE_ARN", "arn:aws:iam::1:role/pod");
    let denied = run(command).expect(1);
    assert!(denied.stderr.contains("no-token"), "{denied}");
    let mut command = without_keys(&world, "list --profile default");
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", world.path("no-token")).env("AWS_ROLE_ARN", "arn:aws:iam::1:role/pod");
    run(command).expect(0);
}

const MFA_CONFIG: &str = "[profile base]\nregion = eu-central-1\n\n[profile admin]\nregion = eu-central-1\n\
    role_arn = arn:aws:iam::111122223333:role/admin\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/alice\n";
const BASE_CREDENTIALS: &str = "[base]\naws_access_key_id = AKIABASEBASEBASEBASE\naws_secret_access_key = notasecret\n";

/// Creates a world whose role requires the code 123456.
pub(crate) fn world_with_mfa() -> World {
    let world = world(MFA_CONFIG, BASE_CREDENTIALS);
    world.cloud.accept_key("AKIABASEBASEBASEBASE");
    world.cloud.add_role(Role {
        arn: "arn:aws:iam::111122223333:role/admin".to_owned(),
        mfa: Some(("arn:aws:iam::111122223333:mfa/alice".to_owned(), "123456".to_owned())),
        access_key: "ASIAROLEROLEROLEROLE".to_owned(),
        expiration: "2099-01-01T00:00:00Z".to_owned(),
    });
    world
}

/// A role with `mfa_serial` was assumed without a code, and refused.
#[test]
fn mfa_code_is_asked_for_on_the_terminal() {
    let world = world_with_mfa();
    let mut terminal = Terminal::run(&world, "echo 654321 | \"$EC2SSH\" list --profile admin");
    terminal.wait_for("MFA code for arn:aws:iam::111122223333:mfa/alice:");
    terminal.type_secret("123456\n");
    assert_eq!(terminal.wait(), 0, "{}", terminal.text());
    assert!(terminal.text().contains("web-1"));
    let calls = world.cloud.calls();
    assert!(calls[0].operation == "AssumeRole" && calls[0].body.contains("TokenCode=123456"), "{calls:?}");
    assert_eq!(signers(&world), ["AKIABASEBASEBASEBASE", "ASIAROLEROLEROLEROLE"]);
    // The credentials are cached: nobody is asked again.
    run(without_keys(&world, "list --profile admin")).expect(0);
    assert_eq!(world.cloud.count("AssumeRole"), 1);
}

#[test]
fn wrong_mfa_code_is_named() {
    let world = world_with_mfa();
    let mut terminal = Terminal::run(&world, "\"$EC2SSH\" list --profile admin");
    terminal.wait_for("MFA code for");
    terminal.type_secret("000000\n");
    assert_eq!(terminal.wait(), 1);
    let screen = terminal.text().replace('\n', " ");
    assert!(screen.contains("invalid MFA one time pass code") && screen.contains("wait for the next one"), "{screen}");
    // Without a terminal there is nobody to ask, and no call is made.
    let run = run(without_keys(&world, "list --profile admin")).expect(1);
    assert!(run.stderr.contains("requires a code of the MFA device arn:aws:iam::111122223333:mfa/alice"), "{run}");
    assert!(run.stderr.contains("aws sts get-caller-identity --profile admin"), "{run}");
    assert_eq!(world.cloud.count("AssumeRole"), 1);
}

/// A role needs no MFA, and its source is another role.
#[test]
fn chain_of_roles_is_followed() {
    let config = "[profile a]\nregion = r\nrole_arn = arn:aws:iam::111122223333:role/a\nsource_profile = b\n\
        [profile b]\nrole_arn = arn:aws:iam::111122223333:role/b\nsource_profile = base\n";
    let world = world(config, BASE_CREDENTIALS);
    world.cloud.accept_key("AKIABASEBASEBASEBASE");
    for name in ["a", "b"] {
        world.cloud.add_role(Role {
            arn: format!("arn:aws:iam::111122223333:role/{name}"),
            mfa: None,
            access_key: format!("ASIAROLE{name}"),
            expiration: "2099-01-01T00:00:00Z".to_owned(),
        });
    }
    run(without_keys(&world, "list --profile a")).expect(0);
    assert_eq!(signers(&world), ["AKIABASEBASEBASEBASE", "ASIAROLEb", "ASIAROLEa"]);
}

/// A `credential_process` took the session's standard input, and what it said was lost.
#[test]
fn credential_process_never_gets_the_standard_input() {
    let world = world("", "");
    world.add_amazon_linux();
    let port = world.cloud.sshd(ID, ec2ssh_lab::Sshd::default());
    let greedy = format!(
        "#!/bin/sh\ncat > \"$HOME/taken\"\necho fetching >&2\n\
         echo '{{\"Version\":1,\"AccessKeyId\":\"{PROD}\",\"SecretAccessKey\":\"x\"}}'\n"
    );
    let helper = world.file("greedy.sh", &greedy, 0o755);
    world.file(".aws/config", &format!("[profile p]\nregion = r\ncredential_process = {}\n", helper.display()), 0o600);
    let line = format!("--profile p --host-keys accept-new -p {port} web-1 cat");
    let run_with_input = world.run_with_input(without_keys(&world, &line), b"all of it").expect(0);
    assert_eq!(run_with_input.out(), "all of it");
    assert_eq!(std::fs::read_to_string(world.path("taken")).unwrap(), "");
    let waiting = format!("waiting for the credential_process of profile p ({})\nfetching\n", helper.display());
    assert!(run_with_input.stderr.contains(&waiting), "{run_with_input}");

    let asking = "#!/bin/sh\necho 'Code for alice:' >&2\nread -r code || { echo 'no code given' >&2; exit 1; }\n";
    world.file("greedy.sh", asking, 0o755);
    let run = world.run_with_input(without_keys(&world, &line), b"123456\n").expect(255);
    for text in
        ["Error: the credential_process of profile p failed", "ended with exit status: 1", "it said: no code given"]
    {
        assert!(run.stderr.contains(text), "{text}: {run}");
    }
}

/// On a terminal a helper can ask, as with the AWS CLI; Ctrl-C ends it.
#[test]
fn credential_process_may_ask_on_the_terminal() {
    let world = world("", "");
    let script = format!(
        "#!/bin/sh\necho 'Code for alice:' >&2\nread -r code\n[ \"$code\" = 123456 ] || exit 1\n\
         echo '{{\"Version\":1,\"AccessKeyId\":\"{PROD}\",\"SecretAccessKey\":\"x\"}}'\n"
    );
    let helper = world.file("ask.sh", &script, 0o755);
    world.file(".aws/config", &format!("[profile p]\nregion = r\ncredential_process = {}\n", helper.display()), 0o600);
    let mut terminal = Terminal::run(&world, "\"$EC2SSH\" list --profile p </dev/null");
    terminal.wait_for("Code for alice:");
    terminal.type_in("123456\n");
    assert_eq!(terminal.wait(), 0, "{}", terminal.text());

    let helper_script = "#!/bin/sh\necho $$ > \"$HOME/pid\"\necho 'Touch your key' >&2\nexec sleep 600\n";
    world.file("ask.sh", helper_script, 0o755);
    let mut terminal = Terminal::run(&world, "\"$EC2SSH\" list --profile p; echo \"ended $?\"; sleep 600");
    terminal.wait_for("Touch your key");
    let pid = std::fs::read_to_string(world.path("pid")).unwrap();
    terminal.type_in("\u{3}");
    let ended = |pid: &str| !std::path::Path::new(&format!("/proc/{}", pid.trim())).exists();
    crate::support::wait_until("the helper has ended", || ended(&pid));
}

/// A clock that is two hours off was reported as a wrong secret key or a missing permission.
#[test]
fn wrong_clock_is_named() {
    for (ahead, words) in [(7200, "2 h behind"), (-7200, "2 h ahead of")] {
        let world = World::empty();
        world.cloud.fail("DescribeInstances", Fault::Clock(ahead), 10);
        let run = world.run("--dry-run web-1").expect(255);
        assert!(run.stderr.contains(&format!("this machine's clock is {words} AWS's")), "{run}");
        for other in ["IAM", "secret", "expired"] {
            assert!(!run.stderr.contains(other), "{run}");
        }
    }
}

#[test]
fn wrong_clock_is_named_for_every_service() {
    for (operation, via) in
        [("SendSSHPublicKey", "ssm"), ("StartSession", "ssm"), ("DescribeInstanceConnectEndpoints", "eice")]
    {
        let world = World::private();
        world.cloud.fail(operation, Fault::Clock(7200), 10);
        let run = world.run(&format!("--via {via} db-1 true")).expect(255);
        assert!(run.stderr.contains("this machine's clock is 2 h behind AWS's"), "{operation}: {run}");
    }
}

#[test]
fn zone_in_place_of_a_region_is_named() {
    let world = World::empty();
    for (zone, region) in [("us-east-1a", "us-east-1"), ("us-west-2-lax-1a", "us-west-2")] {
        let run = world.run(&format!("list --region {zone}")).expect(1);
        let expected =
            format!("Error: '{zone}' is an Availability Zone, not a region\nHint: use its region: --region {region}");
        assert!(run.stderr.starts_with(&expected), "{run}");
    }
}

/// An expired SSO session ended in a stack trace, or in a hint that had to be copied.
#[test]
fn expired_sso_session_is_renewed_after_a_yes() {
    let sso = "[profile dev]\nregion = r\nsso_start_url = https://example.awsapps.com/start\nsso_region = r\nsso_account_id = 1\nsso_role_name = x\n";
    let world = world(sso, "");
    // Stands for the AWS CLI: it notes how it was called, and the profile can be used from then on.
    let aws = format!(
        "#!/bin/sh\necho \"$@\" > \"$HOME/called\"\nprintf '[dev]\\naws_access_key_id={PROD}\\naws_secret_access_key=s\\n' > \"$HOME/.aws/credentials\"\n\
         printf '[profile dev]\\nregion=r\\n' > \"$HOME/.aws/config\"\necho logged in\n"
    );
    world.file("aws", &aws, 0o755);
    let line = "PATH=\"$HOME:$PATH\" \"$EC2SSH\" list --profile dev > out";
    let mut terminal = Terminal::run(&world, line);
    terminal.wait_until("the question", |screen| {
        screen.replace('\n', "").contains("Run 'aws sso login --profile dev' now?")
    });
    terminal.type_in("yes\n");
    assert_eq!(terminal.wait(), 0, "{}", terminal.text());
    assert_eq!(std::fs::read_to_string(world.path("called")).unwrap(), "sso login --profile dev\n");
    let out = std::fs::read_to_string(world.path("out")).unwrap();
    assert!(out.contains("web-1") && !out.contains("logged in"), "{out}");
    world.file(".aws/config", sso, 0o600);
    world.file(".aws/credentials", "", 0o600);
    let mut terminal = Terminal::run(&world, "\"$EC2SSH\" list --profile dev");
    terminal.wait_for("now?");
    terminal.type_in("no\n");
    assert_eq!(terminal.wait(), 1);
    assert!(terminal.text().contains("Hint: aws sso login --profile dev"), "{}", terminal.text());
}
