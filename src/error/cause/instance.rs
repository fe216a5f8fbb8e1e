//! The words for the instance's own state: stopped, impaired, not booted.

use super::fix::{Fix, Place, Remedy, Words, some};
use crate::diagnose::{BootFault, Cause};

pub(super) fn words(cause: &Cause, place: &Place<'_>) -> Option<Words> {
    match cause {
        Cause::NotRunning { state } => some(format!("the instance is {state}"), [not_running(state, place)]),
        Cause::StatusImpaired { check } => {
            let title = match *check {
                "system" => "the host of the instance is impaired",
                "instance" => "the instance does not answer AWS's status check",
                _ => "a volume of the instance is impaired",
            };
            some(title, [impaired(check, place)])
        }
        Cause::Boot { fault } => some(title(*fault), boot(*fault, place)),
        _ => None,
    }
}

fn not_running(state: &str, place: &Place<'_>) -> Fix {
    let word = place.word();
    match state {
        "stopped" => Fix::new("start it, wait for it and connect", format!("ec2ssh --start {word}"))
            .with(Remedy::Start(place.id().to_owned())),
        "stopping" => Fix::new("start it when it has stopped, and connect", format!("ec2ssh --start {word}")),
        "pending" => Fix::new("wait for it and connect", format!("ec2ssh --wait {word}")),
        _ => Fix::new("list the instances", "ec2ssh list".to_owned()),
    }
}

fn impaired(check: &str, place: &Place<'_>) -> Fix {
    let id = place.id();
    match check {
        "system" => {
            let [stop, wait, start] = ["stop-instances", "wait instance-stopped", "start-instances"]
                .map(|call| place.aws(&format!("ec2 {call} --instance-ids {id}")));
            Fix::new(
                "stop and start it, which moves it to another host (an instance store loses its data, and a public address changes)",
                format!("{stop} && {wait} && {start}"),
            )
        }
        "instance" => {
            Fix::new("restart its operating system", place.aws(&format!("ec2 reboot-instances --instance-ids {id}")))
        }
        _ => Fix::new(
            "show its volumes",
            place.aws(&format!("ec2 describe-volumes --filters Name=attachment.instance-id,Values={id}")),
        ),
    }
}

fn title(fault: BootFault) -> &'static str {
    match fault {
        BootFault::KernelPanic => "the kernel has panicked at boot",
        BootFault::NoRootFileSystem => "the instance does not find its root file system",
        BootFault::EmergencyMode => "the instance is in emergency mode",
        BootFault::FileSystemCheck => "a file system needs a manual check",
        BootFault::DiskFull => "the disk of the instance is full",
        BootFault::OutOfMemory => "the instance is out of memory",
        BootFault::SshdFailed => "sshd did not start",
        BootFault::CloudInitFailed => "cloud-init failed, so users and keys may be missing",
        BootFault::StillBooting => "the instance is still booting",
    }
}

fn boot(fault: BootFault, place: &Place<'_>) -> Vec<Fix> {
    let id = place.id();
    let rescue = format!(
        "ssm start-automation-execution --document-name AWSSupport-ExecuteEC2Rescue --parameters UnreachableInstanceId={id}"
    );
    let rescue = Fix::new("have EC2Rescue repair it (it is stopped meanwhile)", place.aws(&rescue));
    let reboot = Fix::new("restart it", place.aws(&format!("ec2 reboot-instances --instance-ids {id}")));
    let volumes = format!("ec2 describe-volumes --filters Name=attachment.instance-id,Values={id}");
    let volumes = Fix::new("find the volume to grow (aws ec2 modify-volume)", place.aws(&volumes));
    let read = Fix::new("read the console", format!("ec2ssh info --console {id}"));
    match fault {
        BootFault::StillBooting => {
            vec![Fix::new("wait for it and connect", format!("ec2ssh --wait {}", place.word()))]
        }
        BootFault::DiskFull => vec![volumes, read],
        BootFault::OutOfMemory => vec![reboot, read],
        BootFault::SshdFailed | BootFault::CloudInitFailed => vec![read, rescue],
        _ => vec![rescue, read],
    }
}
