//! Parses the host keys that an instance prints on its console at first boot. Pure; the input is untrusted and may be
//! damaged.
//!
//! cloud-init prints the keys once per instance, between marker lines: full keys (`cc_keys_to_console`) and
//! fingerprints (`write-ssh-key-fingerprints`). On the way to the console, syslog adds prefixes, terminals add escape
//! sequences, and the kernel and getty cut into lines. A line counts only inside a block, after nothing but such a
//! prefix, and only if it is complete. The first block with an entry decides which keys there are: later blocks add
//! none.
//!
//! An algorithm with two different keys, or with a fingerprint that does not match its key, is disputed: none of its
//! keys is accepted.

use crate::ssh::host_key::{Algorithm, EcdsaCurve, Fingerprint, PublicKey, fingerprint, same_kind};

const BEGIN_KEYS: &str = "-----BEGIN SSH HOST KEY KEYS-----";
const END_KEYS: &str = "-----END SSH HOST KEY KEYS-----";
const BEGIN_FINGERPRINTS: &str = "-----BEGIN SSH HOST KEY FINGERPRINTS-----";
const END_FINGERPRINTS: &str = "-----END SSH HOST KEY FINGERPRINTS-----";
/// The number of consecutive unrelated lines that end a block whose END marker is missing. The kernel may print in
/// between, but later lines are not part of the block.
const MAX_STRAY_LINES: usize = 4;
/// The number of bytes that are parsed, from the end of the output. GetConsoleOutput returns 64 KB.
const MAX_OUTPUT_SIZE: usize = 256 * 1024;

/// The host keys that a console printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Printed {
    /// Whole keys, one for each algorithm, without comments.
    pub keys: Vec<PublicKey>,
    /// Algorithm and `SHA256:…`, for algorithms of which no whole key was printed.
    pub fingerprints: Vec<(Algorithm, String)>,
    /// Algorithm and `SHA256:…` of each key of an algorithm for which the console printed different ones.
    pub disputed: Vec<(Algorithm, String)>,
}

/// Result of comparing a presented key with the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConsoleMatch {
    /// The console printed this key.
    Printed,
    /// The console printed another key of this algorithm.
    Another,
    /// The console printed contradictory keys of this algorithm.
    Disputed,
    /// The console printed keys, but none of this algorithm.
    OtherAlgorithms,
    /// The console printed no usable key.
    Nothing,
}

impl Printed {
    /// Compares a presented key with the printed ones.
    pub(crate) fn compare(&self, presented: &PublicKey) -> ConsoleMatch {
        let algorithm = presented.algorithm();
        if self.disputed.iter().any(|(kind, _)| same_kind(kind, &algorithm)) {
            return ConsoleMatch::Disputed;
        }
        if let Some(key) = self.keys.iter().find(|key| same_kind(&key.algorithm(), &algorithm)) {
            return if key.key_data() == presented.key_data() { ConsoleMatch::Printed } else { ConsoleMatch::Another };
        }
        if let Some((_, printed)) = self.fingerprints.iter().find(|(kind, _)| same_kind(kind, &algorithm)) {
            return if *printed == fingerprint(presented) { ConsoleMatch::Printed } else { ConsoleMatch::Another };
        }
        if self.is_empty() { ConsoleMatch::Nothing } else { ConsoleMatch::OtherAlgorithms }
    }

    /// Returns the algorithms of the printed keys and fingerprints.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let of_keys = self.keys.iter().map(PublicKey::algorithm);
        of_keys.chain(self.fingerprints.iter().map(|(algorithm, _)| algorithm.clone())).collect()
    }

    /// Returns the algorithm and fingerprint of everything that was printed, for display.
    pub(crate) fn listed(&self) -> Vec<(String, String)> {
        let of_keys = self.keys.iter().map(|key| (key.algorithm().to_string(), fingerprint(key)));
        let others = self
            .fingerprints
            .iter()
            .chain(&self.disputed)
            .map(|(algorithm, print)| (algorithm.to_string(), print.clone()));
        of_keys.chain(others).collect()
    }

    /// Whether the console printed nothing that can be used.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.fingerprints.is_empty() && self.disputed.is_empty()
    }
}

/// Parses the output of a console.
pub(crate) fn parse(output: &[u8]) -> Printed {
    let text = plain_text(&output[output.len().saturating_sub(MAX_OUTPUT_SIZE)..]);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let (keys, later_keys) = blocks(&lines, BEGIN_KEYS, END_KEYS, parse_key);
    let (prints, later_prints) = blocks(&lines, BEGIN_FINGERPRINTS, END_FINGERPRINTS, parse_fingerprint);
    let of_key = |key: &PublicKey| (key.algorithm(), fingerprint(key));
    let mut claims: Vec<(Algorithm, String)> = keys.iter().chain(&later_keys).map(of_key).collect();
    claims.extend(prints.iter().chain(&later_prints).cloned());
    let is_disputed = |kind: &Algorithm, print: &str| {
        claims.iter().any(|(other, claimed)| same_kind(other, kind) && claimed != print)
    };
    let mut printed = Printed::default();
    for key in keys {
        let (kind, print) = of_key(&key);
        let is_new = !printed.keys.iter().any(|other| other.key_data() == key.key_data());
        if is_new && !is_disputed(&kind, &print) {
            printed.keys.push(key);
        }
    }
    for (kind, print) in prints {
        let has_key = printed.keys.iter().any(|key| same_kind(&key.algorithm(), &kind));
        let is_new = !has_key && !printed.fingerprints.iter().any(|(other, _)| same_kind(other, &kind));
        if is_new && !is_disputed(&kind, &print) {
            printed.fingerprints.push((kind, print));
        }
    }
    printed.disputed = claims.iter().filter(|(kind, print)| is_disputed(kind, print)).cloned().collect();
    printed
}

/// Returns the text without escape sequences and control characters. A lone CR begins a new line, too.
fn plain_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            '\n' | '\r' => plain.push('\n'),
            '\t' => plain.push(' '),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Skips the rest of an escape sequence after ESC (ECMA-48): a control sequence, a string up to BEL or ST, or one
/// character with its intermediates. A sequence never extends beyond its line, so an unfinished one cannot swallow the
/// rest of the output.
fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let is_line_end = |c: &char| matches!(c, '\n' | '\r');
    match rest.next_if(|c| !is_line_end(c)) {
        Some('[') => {
            while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
            rest.next_if(|c| matches!(c, '@'..='~'));
        }
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(c) = rest.next_if(|c| !is_line_end(c)) {
                let is_st = c == '\u{1b}' && rest.next_if_eq(&'\\').is_some();
                if c == '\u{7}' || is_st {
                    break;
                }
            }
        }
        Some(' '..='/') => {
            while rest.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            rest.next_if(|c| matches!(c, '0'..='~'));
        }
        _ => {}
    }
}

/// Returns the entries of the first non-empty block, and those of all later blocks. A block extends from its BEGIN to
/// its END marker or, if END is missing, until unrelated lines take over.
fn blocks<T>(
    lines: &[&str],
    begin: &str,
    end: &str,
    read: impl Fn(&str, Option<&str>) -> Option<T>,
) -> (Vec<T>, Vec<T>) {
    let (mut first, mut later) = (Vec::new(), Vec::new());
    let (mut open, mut stray, mut is_first) = (false, 0, true);
    let mut prefix = None;
    for line in lines {
        if line.contains(begin) {
            (open, stray) = (true, 0);
            is_first = first.is_empty();
            prefix = prefix_of(line, begin);
        } else if line.contains(end) {
            open = false;
        } else if open {
            match read(line, prefix) {
                Some(item) => {
                    stray = 0;
                    if is_first { first.push(item) } else { later.push(item) }
                }
                None => stray += 1,
            }
            open = stray < MAX_STRAY_LINES;
        }
    }
    (first, later)
}

/// Returns the line from the first word that satisfies `is_it`, if only a syslog prefix comes before it.
///
/// The prefix may consist of a level, a kernel timestamp, a date with a host, and a tag, once or twice: cloud-init's, or one
/// that is in `block_prefix`, the prefix of the block's first line. A line with any other text before that word is from elsewhere.
fn strip_syslog_prefix<'a>(line: &'a str, block_prefix: Option<&str>, is_it: impl Fn(&str) -> bool) -> Option<&'a str> {
    let mut rest = line;
    let mut prefix = Prefix { block_prefix, ..Prefix::default() };
    loop {
        let word = rest.split(' ').next()?;
        if is_it(word) {
            return prefix.is_whole().then_some(rest);
        }
        rest = prefix.without(rest)?.trim_start();
    }
}

/// The parts of a syslog prefix that have been read so far.
#[derive(Clone, Copy, Default)]
struct Prefix<'a> {
    block_prefix: Option<&'a str>,
    has_date: bool,
    has_host: bool,
    has_tag: bool,
    has_any: bool,
}

impl Prefix<'_> {
    /// Whether the prefix is complete: empty, only a level, or ended by a tag.
    fn is_whole(&self) -> bool {
        self.has_tag || !self.has_any
    }

    fn is_tag(&self, word: &str) -> bool {
        let is_of_block = |name| tag_names(self.block_prefix.unwrap_or_default()).any(|tag| tag == name);
        tag_name(word).is_some_and(|name| ["cloud-init", "ec2"].contains(&name) || is_of_block(name))
    }

    /// Returns the line without the next part of a prefix; `None` if the line does not start with one.
    fn without<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        let word = line.split(' ').next().unwrap_or_default();
        let behind = &line[word.len()..];
        if let Some((level, rest)) = line.strip_prefix('<').and_then(|line| line.split_once('>'))
            && level.parse::<u16>().is_ok()
        {
            *self = Self { block_prefix: self.block_prefix, has_tag: self.has_tag, ..Self::default() };
            return Some(rest);
        }
        if let Some((time, rest)) = line.strip_prefix('[').and_then(|line| line.split_once(']'))
            && time.trim().parse::<f64>().is_ok()
        {
            self.has_any = true;
            return Some(rest);
        }
        if self.is_tag(word) {
            *self = Self { block_prefix: self.block_prefix, has_tag: true, ..Self::default() };
            return Some(behind);
        }
        if let Some(rest) = strip_date(line) {
            (self.has_any, self.has_date) = (true, true);
            return Some(rest);
        }
        // The host name comes between the date and the tag.
        let is_host =
            self.has_date && !self.has_host && word.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        self.has_host = true;
        is_host.then_some(behind)
    }
}

/// Returns what is before the marker, if it is a syslog prefix: its tags are those of the unit that printed the block. A getty's
/// prompt, at which anybody may type, is not a tag.
fn prefix_of<'a>(line: &'a str, marker: &str) -> Option<&'a str> {
    let before = line.split(marker).next()?;
    let is_prompt = tag_names(before).any(|name| name == "login");
    let is_prefix = strip_syslog_prefix(line, Some(before), |word| word == "-----BEGIN").is_some();
    (is_prefix && !is_prompt).then_some(before)
}

fn tag_names(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter_map(|word| tag_name(word.rsplit('>').next().unwrap_or(word)))
}

/// Returns the name in a syslog tag: `cloud-init:`, `ec2:`, `print-host-keys[812]:`.
fn tag_name(word: &str) -> Option<&str> {
    let tag = word.strip_suffix(':')?;
    let (name, pid) = tag.split_once('[').map_or((tag, None), |(name, pid)| (name, Some(pid)));
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@/".contains(c));
    let is_pid = |pid: &str| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit());
    let is_tag = is_name && pid.is_none_or(|pid| pid.strip_suffix(']').is_some_and(is_pid));
    is_tag.then_some(name)
}

/// Returns the rest of the line after a date: syslog's `Jun  3 17:07:52`, or RFC 3339's `2026-06-03T17:07:52.123456+00:00`.
fn strip_date(line: &str) -> Option<&str> {
    strip_iso_date(line).or_else(|| strip_syslog_date(line))
}

fn strip_iso_date(line: &str) -> Option<&str> {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let (word, _) = line.split_once(' ')?;
    let (date, rest) = word.as_bytes().split_at_checked(FORM.len())?;
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    let is_date = date.iter().zip(FORM).all(fits);
    let is_zone = rest.iter().all(|byte| byte.is_ascii_digit() || b".,+-:Z".contains(byte));
    (is_date && is_zone).then_some(&line[word.len()..])
}

fn strip_syslog_date(line: &str) -> Option<&str> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().find_map(|month| line.strip_prefix(month))?;
    let (day, rest) = month.trim_start().split_once(' ')?;
    let (time, _) = rest.split_once(' ')?;
    let is_time = time.split(':').count() == 3 && time.chars().all(|c| c.is_ascii_digit() || ":.".contains(c));
    (day.parse::<u8>().is_ok() && is_time).then_some(&rest[time.len()..])
}

/// Parses `type base64 [comment]`; the type inside the key must be the one before it.
fn parse_key(line: &str, prefix: Option<&str>) -> Option<PublicKey> {
    let line = strip_syslog_prefix(line, prefix, |word| host_key_algorithm(word).is_some())?;
    let mut words = line.split_whitespace();
    let (kind, base64) = (words.next()?, words.next()?);
    let key = PublicKey::from_openssh(&format!("{kind} {base64}")).ok()?;
    (key.algorithm() == host_key_algorithm(kind)?).then_some(key)
}

/// Returns the algorithm of this name if it is accepted for host keys.
fn host_key_algorithm(name: &str) -> Option<Algorithm> {
    match Algorithm::new(name).ok()? {
        algorithm @ (Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { hash: None }) => Some(algorithm),
        _ => None,
    }
}

/// Parses a line of `ssh-keygen -l`: `256 SHA256:… comment (ED25519)`. Fingerprints of another hash (MD5, on old
/// images) are ignored.
fn parse_fingerprint(line: &str, prefix: Option<&str>) -> Option<(Algorithm, String)> {
    let line = strip_syslog_prefix(line, prefix, |word| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit()))?;
    let mut words = line.split_whitespace();
    let (bits, print) = (words.next()?, words.next()?);
    let kind = words.next_back()?.strip_prefix('(')?.strip_suffix(')')?;
    let algorithm = match (kind, bits) {
        ("ED25519", _) => Algorithm::Ed25519,
        ("RSA", _) => Algorithm::Rsa { hash: None },
        ("ECDSA", "256") => Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        ("ECDSA", "384") => Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
        ("ECDSA", "521") => Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
        _ => return None,
    };
    let is_whole = print.starts_with("SHA256:") && print.parse::<Fingerprint>().is_ok();
    is_whole.then(|| (algorithm, print.to_owned()))
}

#[cfg(test)]
mod tests;
