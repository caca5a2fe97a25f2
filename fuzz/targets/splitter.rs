//! A batch is split into exactly its events.

#![no_main]
// Each target uses a part of what the targets share.
#![allow(dead_code)]

#[path = "../../proxy/tests/oracle/oracle.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|body: &[u8]| oracle::check_splitter(body));
