//! libFuzzer against `sim::hostile::sealed_price`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sim::hostile::sealed_price(data));
