//! libFuzzer against `sim::hostile::price`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sim::hostile::price(data));
