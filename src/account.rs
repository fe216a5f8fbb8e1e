//! The AWS account that cached data belongs to, found without a call: an access key id encodes its account. Pure.
//!
//! The encoding is not documented by AWS; it was published by Tal Be'ery ("A short note on AWS key ID", 2023). Access key ids
//! made since 2019 are a four-letter prefix and base32 whose first 48 bits hold the account number, shifted left by seven. The
//! owner id that DescribeInstances returns is compared with it before anything is stored.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The prefix that names the kind of key: `AKIA` for long-term, `ASIA` for temporary credentials.
const PREFIX: usize = 4;
/// The length of an access key id that encodes an account.
const LENGTH: usize = 20;
/// Bits of the first six bytes that hold the account number.
const ACCOUNT_MASK: u64 = 0x7fff_ffff_ff80;
const ACCOUNT_SHIFT: u32 = 7;
/// The topmost of the 48 bits: set in keys that encode their account, clear in older ones.
const ENCODES_ACCOUNT: u64 = 1 << 47;
/// Account numbers have twelve decimal digits.
const LARGEST_ACCOUNT: u64 = 999_999_999_999;

/// Returns the twelve-digit account number that an access key id encodes; `None` for keys that encode none.
pub(crate) fn account_of(access_key_id: &str) -> Option<String> {
    let is_key =
        access_key_id.len() == LENGTH && (access_key_id.starts_with("AKIA") || access_key_id.starts_with("ASIA"));
    let bits = first_48_bits(access_key_id.get(PREFIX..).filter(|_| is_key)?)?;
    let number = (bits & ACCOUNT_MASK) >> ACCOUNT_SHIFT;
    (bits & ENCODES_ACCOUNT != 0 && number <= LARGEST_ACCOUNT).then(|| format!("{number:012}"))
}

/// Returns the name under which cached data of these credentials is kept: the account where it is known, else a hash of
/// the access key id, so that two accounts never share an entry.
pub(crate) fn cache_scope(access_key_id: &str) -> String {
    account_of(access_key_id).unwrap_or_else(|| {
        let digest = Sha256::digest(access_key_id.as_bytes());
        digest[..8].iter().fold("key-".to_owned(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    })
}

/// Base32 (RFC 4648, section 6): ten characters of five bits, of which the first 48 bits count.
fn first_48_bits(text: &str) -> Option<u64> {
    let bits = text.bytes().take(10).try_fold(0_u64, |bits, byte| {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        Some(bits << 5 | u64::from(value))
    })?;
    Some(bits >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published examples; the second kind is of AWS's documentation and older than the encoding.
    #[test]
    fn account_of_published_keys() {
        assert_eq!(account_of("ASIAQNZGKIQY56JQ7WML").as_deref(), Some("029608264753"));
        assert_eq!(account_of("AKIAIOSFODNN7EXAMPLE"), None);
        assert_eq!(account_of("AKIAI44QH8DHBEXAMPLE"), None);
    }

    #[test]
    fn malformed_keys_have_no_account() {
        for key in
            ["", "AKIA", "AKIAQ", "AROAQNZGKIQY56JQ7WML", "ASIAQNZGKIQY56JQ7WMLX", "ASIAQ1ZGKIQY56JQ7WML", "ASIAé"]
        {
            assert_eq!(account_of(key), None, "{key}");
        }
    }

    #[test]
    fn scopes_differ_between_keys_without_account() {
        assert_eq!(cache_scope("ASIAQNZGKIQY56JQ7WML"), "029608264753");
        let (one, other) = (cache_scope("AKIAIOSFODNN7EXAMPLE"), cache_scope("AKIAI44QH8DHBEXAMPLE"));
        assert_ne!(one, other);
        assert!(one.starts_with("key-") && !one.contains("AKIA"), "{one}");
        assert_eq!(one, cache_scope("AKIAIOSFODNN7EXAMPLE"));
    }
}
