//! libFuzzer against `sim::hostile::model_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sim::hostile::model_file(data));
