//! Tests of the table of instances.

use super::*;
use crate::aws::model::{Instance as Plain, State};

#[test]
fn table_is_as_wide_as_allowed() {
    let instance = |id: &str, name: Option<&str>, launched| Plain {
        id: id.into(),
        name: name.map(str::to_owned),
        state: State::Running,
        instance_type: "t3.micro".into(),
        zone: Some("eu-west-1a".into()),
        public_ip: Some("54.1.2.3".parse().unwrap()),
        private_ip: Some("10.0.0.7".parse().unwrap()),
        launched,
        ..Plain::default()
    };
    let rows = [
        instance("i-0123456789abcdef0", Some("a-rather-long-name-for-an-instance"), Some(1_000_000 - 7_200)),
        instance("i-0123456789abcdef1", None, None),
    ];
    let table = table(&rows, 1_000_000);
    insta::assert_snapshot!(format!("{}\n{}", table.render(None), table.render(Some(100))), @r"
    NAME                                ID                   STATE    TYPE      ZONE        PUBLIC    PRIVATE   AGE
    a-rather-long-name-for-an-instance  i-0123456789abcdef0  running  t3.micro  eu-west-1a  54.1.2.3  10.0.0.7  2h
    -                                   i-0123456789abcdef1  running  t3.micro  eu-west-1a  54.1.2.3  10.0.0.7  -

    NAME                     ID                   STATE    TYPE      ZONE        PUBLIC    PRIVATE   AGE
    a-rather-long-name-for…  i-0123456789abcdef0  running  t3.micro  eu-west-1a  54.1.2.3  10.0.0.7  2h
    -                        i-0123456789abcdef1  running  t3.micro  eu-west-1a  54.1.2.3  10.0.0.7  -
    ");
}
