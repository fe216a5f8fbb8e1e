//! The host keys that an instance prints on its console when it first boots. Pure; what it is given is untrusted and dirty.
//!
//! cloud-init prints them once per instance, between marker lines: full keys (`cc_keys_to_console`) and fingerprints
//! (`write-ssh-key-fingerprints`). On the way to the console syslog puts its prefixes before the lines, terminals their
//! escapes into them, and the kernel and getty cut them. A line counts only inside a block and only if it is whole.
//!
//! Two different keys of one algorithm make that algorithm void: whoever can write to the console could have added one.

use russh::keys::{Algorithm, EcdsaCurve, PublicKey};

use super::{fingerprint, same_kind};

const BEGIN_KEYS: &str = "-----BEGIN SSH HOST KEY KEYS-----";
const END_KEYS: &str = "-----END SSH HOST KEY KEYS-----";
const BEGIN_FINGERPRINTS: &str = "-----BEGIN SSH HOST KEY FINGERPRINTS-----";
const END_FINGERPRINTS: &str = "-----END SSH HOST KEY FINGERPRINTS-----";
/// So many lines in a row that are none of a block's end it, where its END is missing: the kernel may cut in, but what
/// comes later is no part of it.
const STRAY_LINES: usize = 4;
/// GetConsoleOutput gives 64 KB; what is beyond is not looked at.
const LONGEST: usize = 256 * 1024;

/// What a console printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Whole keys, one for each algorithm, without comments.
    pub keys: Vec<PublicKey>,
    /// Algorithm and `SHA256:…`, for algorithms without a whole key.
    pub fingerprints: Vec<(Algorithm, String)>,
}

/// What the console says of a key that a server presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It printed this key.
    Printed,
    /// It printed another of this algorithm.
    Another,
    /// It printed keys, and none of this algorithm.
    OtherAlgorithms,
    /// It printed none.
    Nothing,
}

impl Printed {
    /// What it says of this key.
    pub fn word_on(&self, presented: &PublicKey) -> Word {
        let algorithm = presented.algorithm();
        if let Some(key) = self.keys.iter().find(|key| same_kind(&key.algorithm(), &algorithm)) {
            return if key.key_data() == presented.key_data() { Word::Printed } else { Word::Another };
        }
        if let Some((_, printed)) = self.fingerprints.iter().find(|(kind, _)| same_kind(kind, &algorithm)) {
            return if *printed == fingerprint(presented) { Word::Printed } else { Word::Another };
        }
        if self.is_empty() { Word::Nothing } else { Word::OtherAlgorithms }
    }

    /// The algorithms it printed keys or fingerprints of.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let of_keys = self.keys.iter().map(PublicKey::algorithm);
        of_keys.chain(self.fingerprints.iter().map(|(algorithm, _)| algorithm.clone())).collect()
    }

    /// Algorithm and fingerprint of all that it printed, for a person.
    pub fn listed(&self) -> Vec<(String, String)> {
        let of_keys = self.keys.iter().map(|key| (key.algorithm().to_string(), fingerprint(key)));
        let others = self.fingerprints.iter().map(|(algorithm, print)| (algorithm.to_string(), print.clone()));
        of_keys.chain(others).collect()
    }

    /// Whether it printed nothing that can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.fingerprints.is_empty()
    }
}

/// Reads a console's output.
pub fn parse(output: &[u8]) -> Printed {
    let text = plain_text(&output[output.len().saturating_sub(LONGEST)..]);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let keys = block(&lines, BEGIN_KEYS, END_KEYS, key_in);
    let fingerprints = block(&lines, BEGIN_FINGERPRINTS, END_FINGERPRINTS, fingerprint_in);
    let keys = unambiguous(keys, |key| key.algorithm(), |one, other| one.key_data() == other.key_data());
    let fingerprints = unambiguous(fingerprints, |(algorithm, _)| algorithm.clone(), |one, other| one.1 == other.1)
        .into_iter()
        .filter(|(algorithm, _)| !keys.iter().any(|key| same_kind(&key.algorithm(), algorithm)))
        .collect();
    Printed { keys, fingerprints }
}

/// The text as a terminal would show it: without escape sequences and control characters. A lone CR begins a line, too.
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

/// Skips what follows an ESC (ECMA-48): a control sequence, a string up to BEL or ST, or one character with its
/// intermediates. None of them goes beyond the line: an unfinished one must not swallow the rest.
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

/// What the lines of all blocks hold. A block goes from its BEGIN to its END; where END is missing, to where other lines
/// take over; where BEGIN is damaged, it is the lines just before END.
fn block<T>(lines: &[&str], begin: &str, end: &str, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let mut found = Vec::new();
    let mut open = false;
    let mut stray = 0;
    for (index, line) in lines.iter().enumerate() {
        if line.contains(begin) {
            (open, stray) = (true, 0);
        } else if line.contains(end) {
            if !open {
                found.extend(lines[..index].iter().rev().map_while(|line| read(line)));
            }
            open = false;
        } else if open {
            match read(line) {
                Some(item) => {
                    found.push(item);
                    stray = 0;
                }
                None => stray += 1,
            }
            open = stray < STRAY_LINES;
        }
    }
    found
}

/// The line behind a prefix of syslog's (`<14>Apr 22 19:51:35 cloud-init: `, `ec2: `, `[   12.3] cloud-init[812]: `),
/// from this word on. Any other text before the word means that the line is not cloud-init's.
fn from_word(line: &str, is_it: impl Fn(&str) -> bool) -> Option<&str> {
    let mut start = 0;
    for word in line.split(' ') {
        if is_it(word) {
            let prefix = line[..start].trim_end();
            return (prefix.is_empty() || prefix.ends_with([':', '>', ']'])).then(|| &line[start..]);
        }
        start += word.len() + 1;
    }
    None
}

/// `type base64 [comment]`, the type inside being the one before it.
fn key_in(line: &str) -> Option<PublicKey> {
    // A prefix may stick to the type: `<14>ssh-ed25519 …`.
    let line = match line.split_once('>') {
        Some((number, rest)) if number.strip_prefix('<').is_some_and(|n| n.parse::<u16>().is_ok()) => rest,
        _ => line,
    };
    let line = from_word(line.trim_start(), |word| wanted(word).is_some())?;
    let mut words = line.split_whitespace();
    let (kind, base64) = (words.next()?, words.next()?);
    let key = PublicKey::from_openssh(&format!("{kind} {base64}")).ok()?;
    (key.algorithm() == wanted(kind)?).then_some(key)
}

/// The algorithm of this name, where a host key may have it.
fn wanted(name: &str) -> Option<Algorithm> {
    match Algorithm::new(name).ok()? {
        algorithm @ (Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { hash: None }) => Some(algorithm),
        _ => None,
    }
}

/// A line of `ssh-keygen -l`: `256 SHA256:… comment (ED25519)`. Fingerprints of another hash (MD5, on old images) do not
/// count.
fn fingerprint_in(line: &str) -> Option<(Algorithm, String)> {
    let mut words = line.split_whitespace().rev();
    let kind = words.next()?.strip_prefix('(')?.strip_suffix(')')?;
    let mut words = line.split_whitespace();
    let mut bits = "";
    let print = words.find(|word| {
        let is_it = word.starts_with("SHA256:");
        if !is_it {
            bits = word;
        }
        is_it
    })?;
    let algorithm = match (kind, bits) {
        ("ED25519", _) => Algorithm::Ed25519,
        ("RSA", _) => Algorithm::Rsa { hash: None },
        ("ECDSA", "256") => Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        ("ECDSA", "384") => Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
        ("ECDSA", "521") => Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
        _ => return None,
    };
    let is_whole = print.parse::<russh::keys::ssh_key::Fingerprint>().is_ok();
    is_whole.then(|| (algorithm, print.to_owned()))
}

/// One item for each algorithm, and none where there are different ones.
fn unambiguous<T>(items: Vec<T>, kind: impl Fn(&T) -> Algorithm, equal: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut kept: Vec<(T, bool)> = Vec::new();
    for item in items {
        match kept.iter_mut().find(|(other, _)| same_kind(&kind(other), &kind(&item))) {
            Some((other, is_clear)) => *is_clear &= equal(other, &item),
            None => kept.push((item, true)),
        }
    }
    kept.into_iter().filter_map(|(item, is_clear)| is_clear.then_some(item)).collect()
}
