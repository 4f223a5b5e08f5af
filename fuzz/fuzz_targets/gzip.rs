//! libFuzzer against `sim::hostile::gzip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sim::hostile::gzip(data));
