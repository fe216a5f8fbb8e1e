//! Explains why no instance was found, or why the one found cannot be connected to.

use super::CommandError;
use super::booting::while_booting;
use crate::aws::model::{Account, Instance, State};
use crate::find::Error;
use crate::table::{Column, Table, state_style};
use crate::text::instance_word;
use crate::when::utc;

impl From<&Error> for CommandError {
    fn from(error: &Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Aws(error) => error.into(),
            Error::NotFound { account, similar, target } => not_found(message, target, account, similar),
            Error::NotRemembered { target } => Self::failed(message)
                .cause("only instances that ec2ssh has reached in the last week are remembered")
                .hint(format!("ask AWS: ec2ssh {}; or use ssh with its address: ssh USER@ADDRESS", instance_word(target))),
            Error::Ambiguous { target, candidates, shown } => ambiguous(message, target, candidates, *shown),
            Error::NotRunning { target, instance } => not_running(target, instance),
            Error::StartTimeout { instance_id, reason, .. } => Self::failed(message)
                .cause(reason.as_ref().map_or(String::new(), |reason| format!("EC2 says: {reason}")))
                .hint(format!(
                    "show the state and its reason: aws ec2 describe-instance-status --include-all-instances --instance-ids {instance_id}"
                )),
        }
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        Self::from(&error).with_source(std::sync::Arc::new(error))
    }
}

fn not_found(message: String, target: &str, account: &Account, similar: &[String]) -> CommandError {
    let profile =
        account.profile.as_deref().map_or("the default credentials".to_owned(), |name| format!("profile {name}"));
    let error = CommandError::failed(message).cause(format!("searched in region {} with {profile}", account.region));
    match similar {
        [] => error.hint(
            "list the instances: ec2ssh list; in another region or account: ec2ssh --region REGION --profile PROFILE …",
        ),
        [first, ..] => {
            let quoted: Vec<_> = similar.iter().map(|name| format!("'{name}'")).collect();
            let error = error.cause(format!("names similar to '{target}': {}", quoted.join(", ")));
            error.hint(format!("did you mean: ec2ssh {}", instance_word(first)))
        }
    }
}

fn ambiguous(message: String, target: &str, candidates: &[Instance], shown: bool) -> CommandError {
    let mut error = CommandError::failed(message);
    error.table = (!shown).then(|| Box::new(candidate_table(candidates)));
    let first = candidates.first().map_or("i-…", |instance| &instance.id);
    error
        .hint(format!("select one by its id: ec2ssh {first}"))
        .hint(format!("or select by launch time: ec2ssh --newest {}", instance_word(target)))
}

/// Returns the table of candidates for an ambiguous name.
pub(crate) fn candidate_table(candidates: &[Instance]) -> Table {
    let mut table = Table::new(&[
        Column::keep("ID"),
        Column::cut("NAME"),
        Column::keep("STATE").styled(state_style),
        Column::drop("ZONE", 1),
        Column::drop("LAUNCHED", 3),
        Column::drop("ADDRESS", 2),
    ]);
    for instance in candidates {
        table.push(vec![
            instance.id.clone(),
            instance.name.clone().unwrap_or_default(),
            instance.state.as_str().to_owned(),
            instance.zone.clone().unwrap_or_default(),
            instance.launched.map(utc).unwrap_or_default(),
            instance.address().map(|ip| ip.to_string()).unwrap_or_default(),
        ]);
    }
    table
}

fn not_running(target: &str, instance: &Instance) -> CommandError {
    let name = instance.name.as_deref().map_or(String::new(), |name| format!(" ({name})"));
    let error = CommandError::failed(format!("{}{name} is {}", instance.id, instance.state.as_str()));
    match instance.state {
        State::Stopped | State::Stopping => {
            error.hint(format!("start it, wait for it and connect: ec2ssh --start {}", instance_word(target)))
        }
        State::Pending => {
            let error = while_booting(error, instance, &instance_word(target));
            let is_known = !error.hints.is_empty();
            if is_known {
                error
            } else {
                error.hint(format!("wait for it and connect: ec2ssh --wait {}", instance_word(target)))
            }
        }
        _ => error.hint("list the instances: ec2ssh list"),
    }
}
