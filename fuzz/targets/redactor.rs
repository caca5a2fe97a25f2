//! What privacy rules name is in no record.

#![no_main]
// Each target uses a part of what the targets share.
#![allow(dead_code)]

#[path = "../../proxy/tests/oracle/oracle.rs"]
mod oracle;
#[path = "../../proxy/tests/oracle/redaction.rs"]
mod redaction;

libfuzzer_sys::fuzz_target!(|body: &[u8]| redaction::check(body));
