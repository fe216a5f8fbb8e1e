//! The words for what stood in the way of a connection, with the facts that were at hand.

use std::io;

use crate::aws::model::{Account, Image, Instance, State};
use crate::config::AddressKind;
use crate::connect::Error;
use crate::login::{InstanceConnect, distribution};
use crate::plan::{self, Authorization, LoginSource, Plan};
use crate::ssh::{key_file, keys};
use crate::text::{instance_word, shell_word};
use crate::transport::tcp;
use crate::ui::table::Table;

use super::{CommandError, Kind, ssh};

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Aws(error) => error.into(),
            Error::NotFound { account, near, typed } => not_found(message, &typed, &account, &near),
            Error::Several { typed, candidates, seen } => several(message, &typed, &candidates, seen),
            Error::NotRunning { typed, instance } => not_running(&typed, &instance),
            Error::NotUp { instance_id, reason, .. } => Self::failed(message)
                .cause(reason.map_or(String::new(), |reason| format!("EC2 says: {reason}")))
                .hint(format!(
                    "see why: aws ec2 describe-instance-status --include-all-instances --instance-ids {instance_id}"
                )),
            Error::Plan(plan::Error::NoAddress(instance, _)) => no_address(message, &instance),
            Error::KeyFile(error) => key_file(&error),
            Error::PublicKey(error) => public_key(&error),
            Error::Unreachable { plan, source } => unreachable(&plan, &source),
            Error::NoWay { plan, tried } => super::route::no_way(&plan, tried),
            Error::Ssh { plan, source, others } => super::route::and_others(ssh::explain(&plan, &source), others),
            Error::Denied { plan, image, methods } => denied(&plan, image.as_deref(), &methods),
            Error::Agent { source, .. } => {
                Self::failed(message).cause(source.to_string()).hint(agent_hint(source.kind()))
            }
            Error::NoDataFolder => Self::failed(message).hint("set HOME, or XDG_DATA_HOME: export HOME=/home/you"),
        }
    }
}

fn not_found(message: String, typed: &str, account: &Account, near: &[String]) -> CommandError {
    let profile =
        account.profile.as_deref().map_or("the default credentials".to_owned(), |name| format!("profile {name}"));
    let error = CommandError::failed(message).cause(format!("searched in region {} with {profile}", account.region));
    match near {
        [] => error.hint("see what is there: ec2ssh list; elsewhere: ec2ssh --region REGION --profile PROFILE …"),
        [first, ..] => {
            let quoted: Vec<_> = near.iter().map(|name| format!("'{name}'")).collect();
            let error = error.cause(format!("near to '{typed}': {}", quoted.join(", ")));
            error.hint(format!("did you mean: ec2ssh {}", instance_word(first)))
        }
    }
}

fn several(message: String, typed: &str, candidates: &[Instance], seen: bool) -> CommandError {
    let mut error = CommandError::failed(message);
    error.table = (!seen).then(|| Box::new(candidate_table(candidates)));
    let first = candidates.first().map_or("i-…", |instance| &instance.id);
    error
        .hint(format!("name one by its id: ec2ssh {first}"))
        .hint(format!("or choose by launch time: ec2ssh --newest {}", instance_word(typed)))
}

/// The candidates of an ambiguous name.
pub fn candidate_table(candidates: &[Instance]) -> Table {
    let mut table = Table::new(&["ID", "NAME", "STATE", "ZONE", "LAUNCHED", "ADDRESS"]);
    for instance in candidates {
        table.push(vec![
            instance.id.clone(),
            instance.name.clone().unwrap_or_default(),
            instance.state.word().to_owned(),
            instance.zone.clone().unwrap_or_default(),
            instance.launched.map(crate::when::utc).unwrap_or_default(),
            instance.address().map(|ip| ip.to_string()).unwrap_or_default(),
        ]);
    }
    table
}

fn not_running(typed: &str, instance: &Instance) -> CommandError {
    let name = instance.name.as_deref().map_or(String::new(), |name| format!(" ({name})"));
    let error = CommandError::failed(format!("{}{name} is {}", instance.id, instance.state.word()));
    match instance.state {
        State::Stopped | State::Stopping => {
            error.hint(format!("start it, wait for it and connect: ec2ssh --start {}", instance_word(typed)))
        }
        State::Pending => error.hint(format!("wait for it and connect: ec2ssh --start {}", instance_word(typed))),
        _ => error.hint("see what is there: ec2ssh list"),
    }
}

fn no_address(message: String, instance: &Instance) -> CommandError {
    let has = [
        instance.public_ip.map(|ip| format!("public {ip}")),
        instance.ipv6.first().map(|ip| format!("ipv6 {ip}")),
        instance.private_ip.map(|ip| format!("private {ip}")),
    ];
    let has: Vec<String> = has.into_iter().flatten().collect();
    let error = CommandError::failed(message);
    match has.first().and_then(|first| first.split_once(' ')) {
        Some((kind, _)) => {
            error.cause(format!("it has {}", has.join(", "))).hint(format!("ec2ssh --address {kind} {}", instance.id))
        }
        None => error.cause("it has no address at all").hint(format!(
            "look at its interfaces: aws ec2 describe-network-interfaces --filters Name=attachment.instance-id,Values={}",
            instance.id
        )),
    }
}

fn key_file(error: &key_file::Error) -> CommandError {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let plain = CommandError::new(Kind::Failed, error.to_string()).cause(source);
    let word = |path: &std::path::Path| shell_word(&path.display().to_string());
    match error {
        key_file::Error::Mode { path, .. } => plain.hint(format!("chmod 400 {}", word(path))),
        key_file::Error::Owner { path, .. } => {
            plain.hint(format!("make it yours: sudo chown \"$(id -u)\" {0} && chmod 400 {0}", word(path)))
        }
        key_file::Error::Public(path) => {
            let private = path.with_extension("");
            plain.hint(format!("name the private one: ec2ssh -i {} …", word(&private)))
        }
        key_file::Error::NotAFile(path) => plain.hint(format!("name a file in it: ls {}", word(path))),
        key_file::Error::Read { path, .. } => plain.hint(format!("ls -l {}", word(path))),
        key_file::Error::Garbage { path, detail } => plain
            .cause(detail.clone())
            .hint(format!("ec2ssh reads PKCS#1, PKCS#8 and OpenSSH keys; see what it is: file {}", word(path))),
        key_file::Error::NoPassphrase(path) => plain.hint(format!(
            "run it in a terminal, or without a key file: ec2ssh INSTANCE pushes a fresh key ({} stays unused)",
            word(path)
        )),
        key_file::Error::WrongPassphrase(path) => plain.hint(format!("try it: ssh-keygen -y -f {}", word(path))),
    }
}

fn public_key(error: &keys::Error) -> CommandError {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    CommandError::failed(error.to_string())
        .cause(source)
        .hint("make one: ssh-keygen -t ed25519; or name one: ec2ssh proxy -i FILE.pub …")
}

/// No address answered: what that means, and what to type.
pub(super) fn unreachable(plan: &Plan, error: &tcp::Error) -> CommandError {
    let (id, port) = (&plan.instance.id, plan.port);
    let plain = CommandError::failed(format!("cannot reach {id} on port {port}")).cause(error.to_string());
    let other_address = || match (plan.instance.private_ip, plan.instance.public_ip) {
        (Some(_), Some(_)) => Some(format!("from inside its network (VPN, peering): ec2ssh --address private {id}")),
        _ => None,
    };
    if matches!(error, tcp::Error::NoAddress) {
        return plain
            .cause("its DNS name does not resolve and it has no address of the family asked for")
            .hint(format!("ec2ssh --address auto {id}, without -4 and -6"));
    }
    if error.any(io::ErrorKind::ConnectionRefused) {
        return plain
            .cause("the machine is there, and nothing listens on that port: sshd is not up (yet) or on another port")
            .hint(format!("another port: ec2ssh -p PORT {id}; the boot log: aws ec2 get-console-output --latest --output text --instance-id {id}"));
    }
    if !plan.instance.has_address_from_outside() || plan.address_kind == AddressKind::Private {
        return plain.cause("a private address is reached from inside its network only (VPN, peering, the VPC itself)");
    }
    let plain = plain
        .cause("a security group or network ACL that does not admit you, no route to an internet gateway, or a firewall on this side")
        .hint(format!("its security groups must admit TCP {port} from your address: aws ec2 describe-instances --instance-ids {id} --query 'Reservations[].Instances[].SecurityGroups'"));
    match other_address() {
        Some(hint) => plain.hint(hint),
        None => plain,
    }
}

/// "Permission denied" with the causes in the order of their likelihood for this instance, by what is known of it.
fn denied(plan: &Plan, image: Option<&Image>, methods: &[String]) -> CommandError {
    let (id, user) = (&plan.instance.id, &plan.login.user);
    let known = image.and_then(distribution);
    let wrong_user = known.filter(|known| known.user != user.as_str());
    let mut error = CommandError::failed(format!("permission denied: {id} does not let {user} in"));
    let pushed = plan.authorization == Authorization::Push;
    if pushed && plan.instance.metadata_disabled {
        error = error
            .cause("the instance's metadata service is disabled, and Instance Connect hands keys out through it")
            .hint(format!("aws ec2 modify-instance-metadata-options --instance-id {id} --http-endpoint enabled"));
    }
    if let Some(known) = wrong_user {
        error = error
            .cause(format!("the image is {}, whose login user is {}, not {user}", known.name, known.user))
            .hint(format!("ec2ssh {}@{id}", known.user));
    }
    let absent = known.is_some_and(|known| known.instance_connect == InstanceConnect::Absent);
    if pushed && absent {
        let name = known.map_or("", |known| known.name);
        error = error
            .cause(format!("images of {name} come without EC2 Instance Connect, so the pushed key is not looked at"));
    }
    if wrong_user.is_none() && plan.login.source == LoginSource::Fallback || known.is_none() && wrong_user.is_none() {
        error = error
            .cause(format!("the user {user} may not exist there (why this one: {})", plan.login.source))
            .hint(format!("another user: ec2ssh ubuntu@{id}, or admin@, centos@, rocky@, fedora@"));
    }
    if pushed && !absent {
        error = error
            .cause("EC2 Instance Connect may not be installed on the instance, or sshd may not be set up to ask it");
    }
    let key_name = plan.instance.key_name.as_deref();
    error = match (&plan.authorization, key_name) {
        (Authorization::Push, Some(name)) => error.hint(format!(
            "with the key pair it was launched with: ec2ssh -i {} {id}",
            shell_word(&format!("{name}.pem"))
        )),
        (Authorization::Push, None) => {
            error.hint(format!("with a key that the instance knows: ec2ssh -i FILE.pem {id}"))
        }
        (Authorization::KeyFile(_), Some(name)) => {
            error.cause(format!("it was launched with the key pair '{name}': is this that one?")).hint(format!(
                "let ec2ssh push a fresh key instead: ec2ssh {}, without -i",
                shell_word(&format!("{user}@{id}"))
            ))
        }
        (Authorization::KeyFile(_), None) => error.cause("it was launched without a key pair").hint(format!(
            "let ec2ssh push a fresh key instead: ec2ssh {}, without -i",
            shell_word(&format!("{user}@{id}"))
        )),
    };
    // That it takes public keys goes without saying.
    let others: Vec<&str> = methods.iter().map(String::as_str).filter(|method| *method != "publickey").collect();
    if others.is_empty() { error } else { error.cause(format!("the server would also take: {}", others.join(", "))) }
}

/// Why a socket cannot be made, going by the kind of failure.
fn agent_hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        // A path that is too long, or none.
        io::ErrorKind::InvalidInput => "use a shorter name for the instance: its id, for example",
        io::ErrorKind::PermissionDenied => {
            "the session's folder is another's, or not there (su, cron): XDG_RUNTIME_DIR=~/.cache ec2ssh config install"
        }
        _ => "put the block where its folder can be made: XDG_RUNTIME_DIR=~/.cache ec2ssh config install",
    }
}
