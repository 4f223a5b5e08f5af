//! libFuzzer against `sim::hostile::consent`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sim::hostile::consent(data));
