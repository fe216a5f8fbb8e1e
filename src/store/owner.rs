//! Whether a folder is the user's alone: what another one can have put there is not used.

use std::io;
use std::path::Path;

/// Checks that the folder is owned by the user or by root, and that nobody else may write to it (as StrictModes of sshd_config(5)
/// has it). A folder that does not exist is fine.
///
/// # Errors
/// `PermissionDenied` with what is wrong.
pub(crate) fn check_owner(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let Ok(found) = std::fs::metadata(folder) else { return Ok(()) };
        let denied = |what: &str| {
            let text = format!("{} {what}", folder.display());
            Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
        };
        if ![0, rustix::process::geteuid().as_raw()].contains(&found.uid()) {
            return denied("is owned by another user");
        }
        if found.mode() & 0o022 != 0 {
            return denied(&format!("may be written to by others: chmod go-w {}", folder.display()));
        }
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn folders_that_others_may_write_to_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_owner(&folder.path().join("missing")).is_ok());
        for (mode, is_fine) in [(0o700, true), (0o755, true), (0o775, false), (0o777, false), (0o1777, false)] {
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check_owner(folder.path()).is_ok(), is_fine, "{mode:o}");
        }
    }
}
