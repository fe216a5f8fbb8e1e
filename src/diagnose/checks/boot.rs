//! The boot, as the end of the console's text shows it. An empty console proves nothing, and an old one little.

use crate::diagnose::cause::{BootFault, Cause};
use crate::diagnose::check::{Problem, Verdict};
use crate::facts::Facts;
use crate::when::utc;

/// The number of lines at the end of the console that are read: older ones may be of an earlier boot.
const LINES: usize = 400;

/// The words of each fault in the order of the boot. The first fault that is found counts: later ones follow from it.
const FAULTS: &[(BootFault, &[&str])] = &[
    (
        BootFault::NoRootFileSystem,
        &[
            "Unable to mount root fs",
            "ALERT!  UUID=",
            "ALERT! UUID=",
            "Cannot open root device",
            "dracut-initqueue timeout",
        ],
    ),
    (BootFault::KernelPanic, &["Kernel panic - not syncing"]),
    (
        BootFault::FileSystemCheck,
        &[
            "UNEXPECTED INCONSISTENCY",
            "RUN fsck MANUALLY",
            "requires a manual fsck",
            "Failed to start File System Check",
        ],
    ),
    (
        BootFault::EmergencyMode,
        &[
            "You are in emergency mode",
            "Welcome to emergency mode",
            "You are in rescue mode",
            "Give root password for maintenance",
            "Press Enter for maintenance",
        ],
    ),
    (BootFault::DiskFull, &["No space left on device"]),
    (BootFault::OutOfMemory, &["Out of memory: Kill", "invoked oom-killer"]),
    (
        BootFault::SshdFailed,
        &[
            "Failed to start OpenSSH",
            "Failed to start OpenBSD Secure Shell",
            "sshd.service: Failed",
            "ssh.service: Failed",
            "sshd: no hostkeys available",
        ],
    ),
    (
        BootFault::CloudInitFailed,
        &["Failed to start Initial cloud-init", "Failed to start Cloud-init", "cloud-init-local.service: Failed"],
    ),
];

/// The words that show that the boot went on after a fault: the login prompt, and sshd that has started.
const PROGRESS: [&str; 4] = [" login:", "Started OpenSSH", "Started OpenBSD Secure Shell", "Started ssh.service"];

/// Whether the fault stops a boot. The others happen on machines that go on, and count only where something else shows that this one
/// does not.
fn stops_the_boot(fault: BootFault) -> bool {
    use BootFault::{EmergencyMode, FileSystemCheck, KernelPanic, NoRootFileSystem};
    matches!(fault, KernelPanic | NoRootFileSystem | EmergencyMode | FileSystemCheck)
}

/// Whether the port or AWS's check shows that the instance is in trouble.
fn is_in_trouble(facts: &Facts) -> bool {
    let status = facts.status.known().and_then(Option::as_ref);
    facts.gets_through() || status.is_some_and(|status| status.instance == "impaired")
}

/// The words that show that the boot has begun anew: whatever stands before is of an earlier one.
const BEGINNINGS: [&str; 2] = ["] Linux version ", "Booting `"];

pub(super) fn boot(facts: &Facts) -> Verdict {
    match by_console(facts) {
        failed @ Verdict::Failed(_) => failed,
        other => still_booting(facts).unwrap_or(other),
    }
}

/// AWS says of an instance that its checks begin, for some minutes from its start on.
fn still_booting(facts: &Facts) -> Option<Verdict> {
    let status = facts.status.known()?.as_ref()?;
    let because = vec!["its status checks have only just begun".to_owned()];
    let cause = Cause::Boot { fault: BootFault::StillBooting };
    (status.instance == "initializing").then_some(Verdict::Failed(Problem { cause, because }))
}

fn by_console(facts: &Facts) -> Verdict {
    let Some(console) = facts.console.known() else { return Verdict::unknown(&facts.console) };
    let platform = facts.plan.instance.platform_details.as_deref().unwrap_or_default();
    if platform.contains("Windows") {
        let id = &facts.plan.instance.id;
        return Verdict::Unknown(format!(
            "Windows shows little there; see its screen: ec2ssh info --screenshot FILE {id}"
        ));
    }
    if console.bytes.is_empty() {
        return Verdict::Unknown("the console has no output yet".to_owned());
    }
    let at = console.at.map_or(String::new(), |at| format!(" of {}", utc(at)));
    match fault(&String::from_utf8_lossy(&console.bytes)) {
        Some((fault, line)) if !stops_the_boot(fault) && !is_in_trouble(facts) => {
            Verdict::Passed(format!("the console{at} says, which may be past: {line}"))
        }
        Some((fault, line)) => {
            let because = vec![format!("the console{at} says: {line}")];
            Verdict::Failed(Problem { cause: Cause::Boot { fault }, because })
        }
        None => Verdict::Passed(format!("the console{at} shows no fault")),
    }
}

/// Returns the fault of the last boot, and the line that shows it.
fn fault(console: &str) -> Option<(BootFault, String)> {
    let lines: Vec<&str> = console.lines().collect();
    let begun = lines.iter().rposition(|line| BEGINNINGS.iter().any(|word| line.contains(word))).unwrap_or(0);
    let lines = &lines[begun.max(lines.len().saturating_sub(LINES))..];
    FAULTS.iter().find_map(|(fault, words)| {
        let at = lines.iter().rposition(|line| words.iter().any(|word| line.contains(word)))?;
        let went_on = lines[at..].iter().any(|line| PROGRESS.iter().any(|word| line.contains(word)));
        let line = (!went_on).then_some(lines[at])?;
        Some((*fault, line.trim().chars().take(160).collect()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_last_boot_are_read() {
        let of = |text: &str| fault(text).map(|(fault, _)| fault);
        let table = [
            ("[    1.9] Kernel panic - not syncing: Attempted to kill init!", Some(BootFault::KernelPanic)),
            (
                "[    1.2] VFS: Unable to mount root fs on unknown-block(0,0)\n[    1.3] Kernel panic - not syncing: VFS",
                Some(BootFault::NoRootFileSystem),
            ),
            ("ALERT!  UUID=0a1b does not exist.  Dropping to a shell!", Some(BootFault::NoRootFileSystem)),
            ("/dev/nvme0n1p1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.", Some(BootFault::FileSystemCheck)),
            ("You are in emergency mode. After logging in, type", Some(BootFault::EmergencyMode)),
            ("Welcome to emergency mode! After logging in", Some(BootFault::EmergencyMode)),
            ("cp: error writing '/x': No space left on device", Some(BootFault::DiskFull)),
            ("[ 99.1] Out of memory: Killed process 812 (java)", Some(BootFault::OutOfMemory)),
            ("[FAILED] Failed to start OpenBSD Secure Shell server.", Some(BootFault::SshdFailed)),
            ("[FAILED] Failed to start Initial cloud-init job.", Some(BootFault::CloudInitFailed)),
            ("ip-10-0-0-1 login: ", None),
            // The boot went on.
            ("cp: error writing '/x': No space left on device\nip-10-0-0-1 login: ", None),
            ("[FAILED] Failed to start OpenSSH server.\n[  OK  ] Started OpenSSH server daemon.", None),
            // One of a container's, as on every busy node.
            ("Memory cgroup out of memory: Killed process 7", None),
            ("[    0.0] Linux version 6.1\n[    9.1] Cloud-init finished", None),
            // The panic was before the last boot.
            ("Kernel panic - not syncing: x\n[    0.0] Linux version 6.1\nlogin: ", None),
        ];
        for (console, expected) in table {
            assert_eq!(of(console), expected, "{console}");
        }
    }
}
