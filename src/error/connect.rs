//! Explains why a connection failed, from the facts that are known about the instance.

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

use super::{CommandError, ErrorKind, ssh};

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
            Error::NoRoute { plan, tried } => super::route::no_route(&plan, tried),
            Error::Ssh { plan, source, others } => {
                super::route::with_failed_routes(ssh::explain(&plan, &source), others)
            }
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
        [] => error.hint(
            "list the instances: ec2ssh list; in another region or account: ec2ssh --region REGION --profile PROFILE …",
        ),
        [first, ..] => {
            let quoted: Vec<_> = near.iter().map(|name| format!("'{name}'")).collect();
            let error = error.cause(format!("names similar to '{typed}': {}", quoted.join(", ")));
            error.hint(format!("did you mean: ec2ssh {}", instance_word(first)))
        }
    }
}

fn several(message: String, typed: &str, candidates: &[Instance], seen: bool) -> CommandError {
    let mut error = CommandError::failed(message);
    error.table = (!seen).then(|| Box::new(candidate_table(candidates)));
    let first = candidates.first().map_or("i-…", |instance| &instance.id);
    error
        .hint(format!("select one by its id: ec2ssh {first}"))
        .hint(format!("or select by launch time: ec2ssh --newest {}", instance_word(typed)))
}

/// Returns the table of candidates for an ambiguous name.
pub fn candidate_table(candidates: &[Instance]) -> Table {
    let mut table = Table::new(&["ID", "NAME", "STATE", "ZONE", "LAUNCHED", "ADDRESS"]);
    for instance in candidates {
        table.push(vec![
            instance.id.clone(),
            instance.name.clone().unwrap_or_default(),
            instance.state.as_str().to_owned(),
            instance.zone.clone().unwrap_or_default(),
            instance.launched.map(crate::when::utc).unwrap_or_default(),
            instance.address().map(|ip| ip.to_string()).unwrap_or_default(),
        ]);
    }
    table
}

fn not_running(typed: &str, instance: &Instance) -> CommandError {
    let name = instance.name.as_deref().map_or(String::new(), |name| format!(" ({name})"));
    let error = CommandError::failed(format!("{}{name} is {}", instance.id, instance.state.as_str()));
    match instance.state {
        State::Stopped | State::Stopping => {
            error.hint(format!("start it, wait for it and connect: ec2ssh --start {}", instance_word(typed)))
        }
        State::Pending => error.hint(format!("wait for it and connect: ec2ssh --start {}", instance_word(typed))),
        _ => error.hint("list the instances: ec2ssh list"),
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
            error.cause(format!("its addresses: {}", has.join(", "))).hint(format!("ec2ssh --address {kind} {}", instance.id))
        }
        None => error.cause("the instance has no IP address").hint(format!(
            "show its network interfaces: aws ec2 describe-network-interfaces --filters Name=attachment.instance-id,Values={}",
            instance.id
        )),
    }
}

fn key_file(error: &key_file::Error) -> CommandError {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let plain = CommandError::new(ErrorKind::Failed, error.to_string()).cause(source);
    let word = |path: &std::path::Path| shell_word(&path.display().to_string());
    match error {
        key_file::Error::Mode { path, .. } => plain.hint(format!("chmod 400 {}", word(path))),
        key_file::Error::Owner { path, .. } => {
            plain.hint(format!("take ownership: sudo chown \"$(id -u)\" {0} && chmod 400 {0}", word(path)))
        }
        key_file::Error::Public(path) => {
            let private = path.with_extension("");
            plain.hint(format!("use the private key: ec2ssh -i {} …", word(&private)))
        }
        key_file::Error::NotAFile(path) => plain.hint(format!("use a file in it: ls {}", word(path))),
        key_file::Error::Read { path, .. } => plain.hint(format!("ls -l {}", word(path))),
        key_file::Error::Garbage { path, detail } => plain
            .cause(detail.clone())
            .hint(format!("ec2ssh reads PKCS#1, PKCS#8 and OpenSSH keys; show the file's type: file {}", word(path))),
        key_file::Error::NoPassphrase(path) => plain.hint(format!(
            "run ec2ssh in a terminal, or push a fresh key without -i: ec2ssh TARGET ({} stays unused)",
            word(path)
        )),
        key_file::Error::WrongPassphrase(path) => {
            plain.hint(format!("test the passphrase: ssh-keygen -y -f {}", word(path)))
        }
    }
}

fn public_key(error: &keys::Error) -> CommandError {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    CommandError::failed(error.to_string())
        .cause(source)
        .hint("create one: ssh-keygen -t ed25519; or use an existing one: ec2ssh proxy -i FILE.pub …")
}

/// Explains that no address was reachable, with the likely reason and a command to try.
pub(super) fn unreachable(plan: &Plan, error: &tcp::Error) -> CommandError {
    let (id, port) = (&plan.instance.id, plan.port);
    let plain = CommandError::failed(format!("cannot reach {id} on port {port}")).cause(error.to_string());
    let other_address = || match (plan.instance.private_ip, plan.instance.public_ip) {
        (Some(_), Some(_)) => Some(format!("from inside its network (VPN, peering): ec2ssh --address private {id}")),
        _ => None,
    };
    if matches!(error, tcp::Error::NoAddress) {
        return plain
            .cause("its DNS name does not resolve, and it has no address of the requested family")
            .hint(format!("ec2ssh --address auto {id}, without -4 and -6"));
    }
    if error.any(io::ErrorKind::ConnectionRefused) {
        return plain
            .cause("the machine responds, but nothing listens on that port: sshd is not running (yet) or uses another port")
            .hint(format!("use another port: ec2ssh -p PORT {id}; show the boot log: aws ec2 get-console-output --latest --output text --instance-id {id}"));
    }
    if !plan.instance.has_public_address() || plan.address_kind == AddressKind::Private {
        return plain
            .cause("a private address is reachable only from inside its network (VPN, peering, the VPC itself)");
    }
    let plain = plain
        .cause("a security group or network ACL blocks your address, there is no route to an internet gateway, or a local firewall blocks the connection")
        .hint(format!("its security groups must allow TCP {port} from your address: aws ec2 describe-instances --instance-ids {id} --query 'Reservations[].Instances[].SecurityGroups'"));
    match other_address() {
        Some(hint) => plain.hint(hint),
        None => plain,
    }
}

/// Explains "permission denied": the causes that are possible for this instance, most likely first.
fn denied(plan: &Plan, image: Option<&Image>, methods: &[String]) -> CommandError {
    let (id, user) = (&plan.instance.id, &plan.login.user);
    let known = image.and_then(distribution);
    let wrong_user = known.filter(|known| known.user != user.as_str());
    let mut error = CommandError::failed(format!("permission denied for {user}@{id} (publickey)"));
    let pushed = plan.authorization == Authorization::Push;
    if pushed && plan.instance.metadata_disabled {
        error = error
            .cause("the instance metadata service is disabled, and EC2 Instance Connect delivers keys through it")
            .hint(format!("aws ec2 modify-instance-metadata-options --instance-id {id} --http-endpoint enabled"));
    }
    if let Some(known) = wrong_user {
        error = error
            .cause(format!("the image is {}, whose default user is {}, not {user}", known.name, known.user))
            .hint(format!("ec2ssh {}@{id}", known.user));
    }
    let absent = known.is_some_and(|known| known.instance_connect == InstanceConnect::Absent);
    if pushed && absent {
        let name = known.map_or("", |known| known.name);
        error =
            error.cause(format!("{name} images do not include EC2 Instance Connect, so sshd ignores the pushed key"));
    }
    if wrong_user.is_none() && plan.login.source == LoginSource::Fallback || known.is_none() && wrong_user.is_none() {
        error = error
            .cause(format!("user {user} may not exist on the instance ({})", plan.login.source))
            .hint(format!("try another user: ec2ssh ubuntu@{id}, or admin@, centos@, rocky@, fedora@"));
    }
    if pushed && !absent {
        error = error.cause(
            "EC2 Instance Connect may not be installed on the instance, or sshd may not be configured to use it",
        );
    }
    let key_name = plan.instance.key_name.as_deref();
    error = match (&plan.authorization, key_name) {
        (Authorization::Push, Some(name)) => error.hint(format!(
            "use the key pair it was launched with: ec2ssh -i {} {id}",
            shell_word(&format!("{name}.pem"))
        )),
        (Authorization::Push, None) => {
            error.hint(format!("use a key that the instance accepts: ec2ssh -i FILE.pem {id}"))
        }
        (Authorization::KeyFile(_), Some(name)) => error
            .cause(format!(
                "the instance was launched with the key pair '{name}', and the key file may be a different key"
            ))
            .hint(format!("omit -i to push a fresh key: ec2ssh {}", shell_word(&format!("{user}@{id}")))),
        (Authorization::KeyFile(_), None) => error
            .cause("the instance was launched without a key pair")
            .hint(format!("omit -i to push a fresh key: ec2ssh {}", shell_word(&format!("{user}@{id}")))),
    };
    // The publickey method is implied by the message.
    let others: Vec<&str> = methods.iter().map(String::as_str).filter(|method| *method != "publickey").collect();
    if others.is_empty() { error } else { error.cause(format!("the server also accepts: {}", others.join(", "))) }
}

/// Returns the hint for an agent socket that cannot be created, by the kind of I/O error.
fn agent_hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        // The socket path is too long or is not a valid path.
        io::ErrorKind::InvalidInput => "use a shorter name for the instance, for example its id",
        io::ErrorKind::PermissionDenied => {
            "the runtime directory belongs to another user or does not exist (su, cron): XDG_RUNTIME_DIR=~/.cache ec2ssh config install"
        }
        _ => "use a directory where the socket can be created: XDG_RUNTIME_DIR=~/.cache ec2ssh config install",
    }
}
