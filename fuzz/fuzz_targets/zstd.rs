//! libFuzzer against `sim::hostile::zstd`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sim::hostile::zstd(data));
