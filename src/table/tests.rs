//! Tests of tables that are too wide: what is left out, cut and stacked.

use proptest::prelude::*;

use super::*;

const COLUMNS: [Column; 4] =
    [Column::cut("NAME"), Column::keep("ID"), Column::keep("STATE").styled(state_style), Column::drop("ZONE", 1)];

fn table() -> Table {
    let mut table = Table::new(&COLUMNS);
    let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
    table.push(row(["a-very-long-name-for-a-machine", "i-0123456789abcdef0", "running", "eu-west-1a"]));
    table.push(row(["名前\u{1b}", "i-0123456789abcdef1", "stopped", "-"]));
    table
}

fn at(width: usize) -> String {
    table().render(Layout { width: Some(width), colored: false })
}

#[test]
fn columns_go_first_then_names_then_lines() {
    insta::assert_snapshot!(at(80), @r"
    NAME                            ID                   STATE    ZONE
    a-very-long-name-for-a-machine  i-0123456789abcdef0  running  eu-west-1a
    名前\u{1b}                      i-0123456789abcdef1  stopped  -
    ");
    insta::assert_snapshot!(at(64), @r"
    NAME                            ID                   STATE
    a-very-long-name-for-a-machine  i-0123456789abcdef0  running
    名前\u{1b}                      i-0123456789abcdef1  stopped
    ");
    insta::assert_snapshot!(at(50), @r"
    NAME                  ID                   STATE
    a-very-long-name-fo…  i-0123456789abcdef0  running
    名前\u{1b}            i-0123456789abcdef1  stopped
    ");
    insta::assert_snapshot!(at(40), @r"
    a-very-long-name-for-a-machine
      i-0123456789abcdef0  running
      eu-west-1a
    名前\u{1b}
      i-0123456789abcdef1  stopped
    ");
    insta::assert_snapshot!(table().render(Layout::default()).lines().count(), @"3");
}

#[test]
fn numbers_stand_before_each_row() {
    insta::assert_snapshot!(table().numbered().render(Layout { width: Some(53), colored: false }), @r"
       NAME                  ID                   STATE
    1  a-very-long-name-fo…  i-0123456789abcdef0  running
    2  名前\u{1b}            i-0123456789abcdef1  stopped
    ");
    insta::assert_snapshot!(table().numbered().render(Layout { width: Some(40), colored: false }), @r"
    1  a-very-long-name-for-a-machine
         i-0123456789abcdef0  running
         eu-west-1a
    2  名前\u{1b}
         i-0123456789abcdef1  stopped
    ");
}

#[test]
fn empty_columns_are_left_out_first() {
    let columns = [Column::keep("HOST"), Column::drop("PUBLIC", 2), Column::drop("PRIVATE", 1)];
    let mut table = Table::new(&columns);
    table.push(["a-long-name-of-a-host", "-", "10.0.0.1"].map(str::to_owned).to_vec());
    let render = |width| table.render(Layout { width: Some(width), colored: false });
    assert!(render(32).contains("10.0.0.1") && !render(32).contains("PUBLIC"), "{}", render(32));
    assert!(render(10).contains("a-long-name-of-a-host"), "{}", render(10));
}

#[test]
fn colors_change_no_width() {
    let colored = table().render(Layout { width: Some(80), colored: true });
    assert!(colored.contains("\u{1b}[32mrunning\u{1b}[0m  eu-west-1a\n"), "{colored}");
    assert!(colored.contains("\u{1b}[31mstopped\u{1b}[0m  -\n"), "{colored}");
    let header = colored.lines().next().unwrap();
    assert!(!header.contains('\u{1b}'), "{header}");
}

proptest! {
    /// An id is whole in any table, and no line but one with an id or a zone is too wide.
    #[test]
    fn ids_are_whole_at_any_width(name in any::<String>(), zone in any::<String>(), width in 8_usize..200) {
        let mut table = Table::new(&COLUMNS);
        table.push(vec![name, "i-0123456789abcdef0".into(), "running".into(), zone.clone()]);
        let text = table.render(Layout { width: Some(width), colored: false });
        prop_assert!(text.contains("i-0123456789abcdef0"));
        let limit = width.max(GAP + 19).max(GAP + sanitize(&zone).width());
        for line in text.lines() {
            prop_assert!(line.width() <= limit, "{:?}", line);
        }
    }
}
