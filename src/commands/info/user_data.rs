//! User data as they were given at launch: cloud-init takes them compressed as well. Pure.

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// The beginning of data in gzip's format (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Limit for unpacked data in bytes: user data have 16 kB at most, and could unpack to gigabytes.
const MAX_SIZE: u64 = 16 << 20;

/// Returns the data unpacked. Data that are not compressed, or not whole, are returned as they are.
pub(super) fn unpack(data: &[u8]) -> Vec<u8> {
    if !data.starts_with(&GZIP) {
        return data.to_vec();
    }
    let mut unpacked = Vec::new();
    match MultiGzDecoder::new(data).take(MAX_SIZE).read_to_end(&mut unpacked) {
        Ok(_) => unpacked,
        Err(_) => data.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_user_data_are_unpacked() {
        assert_eq!(unpack(b"#!/bin/sh\n"), b"#!/bin/sh\n");
        assert_eq!(unpack(&packed(b"#cloud-config\n")), b"#cloud-config\n");
        let broken = &packed(b"#cloud-config\n")[..12];
        assert_eq!(unpack(broken), broken);
        let bomb = packed(&vec![0; 20 << 20]);
        assert_eq!(unpack(&bomb).len() as u64, MAX_SIZE);
    }
}
