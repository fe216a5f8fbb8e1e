//! Says of a failure that the instance was launched a moment ago: it may still be booting.

use super::CommandError;
use crate::aws::model::Instance;
use crate::when;

/// The time in seconds for which an instance that does not answer counts as booting. A large Windows image takes longer.
const BOOT_TIME: i64 = 300;

/// Adds the likely cause and what to type, if the instance was launched less than five minutes ago. `target` is what to type for it.
pub(super) fn while_booting(error: CommandError, instance: &Instance, target: &str) -> CommandError {
    at(error, instance, target, when::now())
}

fn at(mut error: CommandError, instance: &Instance, target: &str, now: i64) -> CommandError {
    let age = instance.launched.map(|launched| now.saturating_sub(launched));
    let Some(seconds) = age.filter(|age| (0..BOOT_TIME).contains(age)) else { return error };
    let cause = format!("it was launched {seconds} s ago and may still be booting");
    error.causes.insert(error.causes.len().min(1), cause);
    error.hints.insert(0, format!("try again until it lets you in: ec2ssh --wait {target}"));
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::instance;

    #[test]
    fn only_a_young_instance_is_booting() {
        for (age, is_booting) in [(0, true), (299, true), (300, false), (-5, false), (86_400, false)] {
            let young = Instance { launched: Some(1_000_000), ..instance() };
            let plain = CommandError::failed("cannot reach it").cause("connection refused").cause("more").hint("other");
            let error = at(plain, &young, "web-1", 1_000_000 + age);
            assert_eq!(error.causes.len() == 3 && error.hints[0].ends_with("ec2ssh --wait web-1"), is_booting, "{age}");
            assert_eq!(error.causes[0], "connection refused", "what the system says comes first");
        }
        let unknown = Instance { launched: None, ..instance() };
        assert!(at(CommandError::failed("x"), &unknown, "web-1", 0).hints.is_empty());
    }
}
