//! Tests of editing the user's file.

use std::fs;

use proptest::prelude::*;

use super::change_unlocked;

proptest! {
    /// Installing and then removing the block restores any file byte for byte.
    #[test]
    fn install_then_remove_restores_any_file(theirs in proptest::collection::vec(any::<u8>(), 0..300), text in "[a-zA-Z# \\n]{0,80}\\n") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        fs::write(&path, &theirs).unwrap();
        // The lock would be in the caller's own data folder and is not under test, so nothing but this file is written.
        change_unlocked(&path, Some(&text), false).unwrap();
        prop_assert_ne!(&fs::read(&path).unwrap(), &theirs);
        change_unlocked(&path, None, false).unwrap();
        prop_assert_eq!(&fs::read(&path).unwrap(), &theirs);
    }
}
