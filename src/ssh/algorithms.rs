//! The algorithms that are offered: all that russh has and that are not broken, the best first. The order is OpenSSH's, except
//! that AES-GCM goes first: the processors that run this have instructions for it.
//!
//! Not offered are key exchanges over SHA-1 or with a group of 1,024 bits, CBC ciphers (CERT VU#958563), and `zlib`, which compresses
//! before the login.

use russh::{cipher, compression, kex, mac};

/// Key exchanges, and the markers of RFC 8308 (extensions) and of OpenSSH's strict key exchange.
pub(super) const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_G17_SHA512,
    kex::DH_G15_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

pub(super) const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// HMAC over SHA-1 goes last: the collisions of SHA-1 do not break it, and older servers have nothing else.
pub(super) const MACS: &[mac::Name] = &[
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512,
    mac::HMAC_SHA256,
    mac::HMAC_SHA1_ETM,
    mac::HMAC_SHA1,
];

pub(super) const COMPRESSION: &[compression::Name] = &[compression::ZLIB_LEGACY, compression::NONE];
pub(super) const NO_COMPRESSION: &[compression::Name] = &[compression::NONE];

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the names in `all` that are not offered.
    fn left_out<'a>(all: impl Iterator<Item = &'a str>, offered: &[&str]) -> Vec<&'a str> {
        let mut rest: Vec<&str> = all.filter(|name| !offered.contains(name)).collect();
        rest.sort_unstable();
        rest
    }

    /// A new release of russh may bring algorithms: then each is to be offered or to be named here.
    #[test]
    fn only_broken_algorithms_are_left_out() {
        let offered: Vec<&str> = KEX.iter().map(AsRef::as_ref).collect();
        let all = kex::ALL_KEX_ALGORITHMS.iter().map(|name| (*name).as_ref());
        let broken =
            ["diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "none"];
        assert_eq!(left_out(all, &offered), broken);
        let offered: Vec<&str> = CIPHERS.iter().map(AsRef::as_ref).collect();
        let all = cipher::ALL_CIPHERS.iter().map(|name| (*name).as_ref());
        assert_eq!(left_out(all, &offered), ["aes128-cbc", "aes192-cbc", "aes256-cbc", "clear", "none"]);
        let offered: Vec<&str> = MACS.iter().map(AsRef::as_ref).collect();
        assert_eq!(left_out(mac::ALL_MAC_ALGORITHMS.iter().map(|name| (*name).as_ref()), &offered), ["none"]);
    }
}
