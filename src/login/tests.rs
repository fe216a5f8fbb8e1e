//! The login user that is expected for an AMI, and whether it has Instance Connect.

use crate::aws::model::Image;
use crate::login::{InstanceConnect, distribution};

#[test]
fn user_follows_from_the_image_name() {
    let table = [
        ("al2023-ami-2023.5.20241001.1-kernel-6.1-x86_64", "ec2-user", InstanceConnect::Preinstalled),
        ("al2023-ami-minimal-2023.5-x86_64", "ec2-user", InstanceConnect::Absent),
        ("amzn2-ami-hvm-2.0.20240306-x86_64-gp2", "ec2-user", InstanceConnect::Preinstalled),
        ("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20240101", "ubuntu", InstanceConnect::Preinstalled),
        ("debian-12-amd64-20240102-1614", "admin", InstanceConnect::Absent),
        ("RHEL-9.3.0_HVM-20240117-x86_64-49-Hourly2-GP3", "ec2-user", InstanceConnect::Absent),
        ("suse-sles-15-sp5-v20240129-hvm-ssd-x86_64", "ec2-user", InstanceConnect::Absent),
        ("Fedora-Cloud-Base-39-1.5.x86_64", "fedora", InstanceConnect::Absent),
        ("CentOS 7.9.2009 x86_64", "centos", InstanceConnect::Absent),
        ("Rocky-9-EC2-Base-9.3-20231113.0.x86_64", "rocky", InstanceConnect::Absent),
        ("AlmaLinux OS 9.3.20231113 x86_64", "ec2-user", InstanceConnect::Absent),
        ("bitnami-wordpress-6.4.2-r0-linux-debian-11", "bitnami", InstanceConnect::Unknown),
        ("OL8.6-x86_64-HVM-2022-06-14", "ec2-user", InstanceConnect::Absent),
        ("FreeBSD 14.0-RELEASE-amd64", "ec2-user", InstanceConnect::Absent),
        ("amzn-ec2-macos-14.2.1-20240103", "ec2-user", InstanceConnect::Preinstalled),
        ("Windows_Server-2022-English-Full-Base-2024.01.16", "Administrator", InstanceConnect::Absent),
        ("Flatcar-stable-3760.2.0-hvm", "core", InstanceConnect::Absent),
    ];
    for (name, user, instance_connect) in table {
        let found = distribution(&Image { name: name.into(), ..Image::default() }).unwrap();
        assert_eq!((found.user, found.instance_connect), (user, instance_connect), "{name}");
    }
}

/// The user follows from the owner, platform or description of an image whose name is not known.
#[test]
fn owner_platform_and_description_are_fallbacks() {
    let blank = || Image { name: "golden-image-17".into(), ..Image::default() };
    let user = |image: Image| distribution(&image).map(|found| found.user);
    assert_eq!(user(Image { owner: "099720109477".into(), ..blank() }), Some("ubuntu"));
    assert_eq!(user(Image { owner: "136693071363".into(), ..blank() }), Some("admin"));
    assert_eq!(user(Image { platform_details: "Red Hat Enterprise Linux".into(), ..blank() }), Some("ec2-user"));
    assert_eq!(user(Image { description: "based on Debian 12".into(), ..blank() }), Some("admin"));
    assert_eq!(user(Image { platform_details: "Linux/UNIX".into(), ..blank() }), None);
}
