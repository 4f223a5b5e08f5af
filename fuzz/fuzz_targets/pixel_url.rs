//! libFuzzer against `sim::hostile::pixel_url`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sim::hostile::pixel_url(data));
