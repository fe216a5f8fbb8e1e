//! Shortages of the machine itself: open files, space, a lock. Whatever was being done then, the guesses about AWS, the network and the
//! instance are beside the point, and the hint is about the machine.

use super::CommandError;
use crate::store::LOCK_HELD;
use crate::text::shell_word;

impl CommandError {
    /// Replaces the causes and hints of an error that the machine itself caused. It goes by the system's error number, which every
    /// text of an I/O error has.
    #[must_use]
    pub(crate) fn or_shortage(self) -> Self {
        let Some((cause, hint)) = self.causes.iter().chain([&self.message]).find_map(|text| shortage(text)) else {
            return self;
        };
        Self { causes: vec![cause], hints: vec![hint], finding: None, ..self }
    }
}

fn shortage(text: &str) -> Option<(String, String)> {
    if let Some((_, lock)) = text.split_once(LOCK_HELD) {
        let hint = format!("show which process: fuser {}", shell_word(lock.trim()));
        return Some((text.to_owned(), hint));
    }
    let has = |number: i32| text.contains(&format!("(os error {number})"));
    let told = |words: &str, hint: &str| Some((words.to_owned(), hint.to_owned()));
    // The panic of a library has the number in another form.
    if has(errno::EMFILE) || text.contains(&format!("code: {},", errno::EMFILE)) {
        return told(
            "too many open files: this process may open no more (os error 24)",
            "raise the limit: ulimit -n 4096",
        );
    }
    if has(errno::ENFILE) {
        return told(
            "too many open files in the whole system (os error 23)",
            "show the limit: sysctl fs.file-nr fs.file-max",
        );
    }
    if has(errno::ENOSPC) {
        // The text may name the file.
        return told(text, "show which file system is full: df -h ~ /tmp");
    }
    None
}

/// The numbers of these errors on Linux and macOS.
mod errno {
    pub(super) const ENFILE: i32 = 23;
    pub(super) const EMFILE: i32 = 24;
    pub(super) const ENOSPC: i32 = 28;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortage_replaces_guesses_about_the_network() {
        let direct = "direct: 192.0.2.1:22: Too many open files (os error 24); a security group blocks your address";
        let error = CommandError::failed("cannot reach i-1").cause(direct).cause("SSM: offline").hint("aws ec2 …");
        let error = error.or_shortage();
        assert_eq!(error.causes, ["too many open files: this process may open no more (os error 24)"]);
        assert_eq!(error.hints, ["raise the limit: ulimit -n 4096"]);
        let full =
            CommandError::failed("x").cause("cannot write y: No space left on device (os error 28)").or_shortage();
        assert!(full.hints[0].contains("df -h") && full.causes[0].contains("cannot write y"), "{full:?}");
        let lock = std::io::Error::other(format!("timed out: {LOCK_HELD}/home/me/known_hosts.lock"));
        let locked = CommandError::failed("x").cause(lock.to_string()).hint("ls").or_shortage();
        assert_eq!(locked.hints, ["show which process: fuser /home/me/known_hosts.lock"]);
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        let error = CommandError::failed("x").cause("Connection refused (os error 111)").hint("y").or_shortage();
        assert_eq!((error.causes.len(), error.hints), (1, vec!["y".to_owned()]));
    }
}
