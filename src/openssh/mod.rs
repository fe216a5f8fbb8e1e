//! OpenSSH's own configuration: the block that has it reach instances through us ([`block`]), and the file that it is put
//! into and taken out of again ([`mod@file`]). Nothing here connects anywhere.

pub mod block;
pub mod file;
