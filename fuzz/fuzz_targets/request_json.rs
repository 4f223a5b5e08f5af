//! libFuzzer against `sim::hostile::request_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sim::hostile::request_json(data));
