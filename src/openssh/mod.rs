//! OpenSSH's own configuration: the block that makes it reach instances through ec2ssh ([`block`]), and the file that
//! the block is inserted into and removed from ([`mod@file`]). Nothing here opens a connection.

pub(crate) mod block;
pub(crate) mod fdpass;
pub(crate) mod file;
