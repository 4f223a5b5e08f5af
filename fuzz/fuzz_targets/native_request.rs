//! libFuzzer against `sim::hostile::native_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sim::hostile::native_request(data));
