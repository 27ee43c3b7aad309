#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| voiceagent_providers::fuzz::conversations(bytes));
