//! What a string of a damaged event holds is never taken for an event.

#![no_main]
// Each target uses a part of what the targets share.
#![allow(dead_code)]

#[path = "../../proxy/tests/oracle/oracle.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|damage: &[u8]| oracle::check_planted(damage));
