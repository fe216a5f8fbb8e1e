//! Tests of the table of instances.

use super::*;
use crate::aws::model::{Instance as Plain, State};
use crate::table::Layout;

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
    for width in [40, 80, 120] {
        let text = table.render(Layout { width: Some(width), colored: false });
        insta::assert_snapshot!(format!("list_at_{width}"), text);
    }
}
