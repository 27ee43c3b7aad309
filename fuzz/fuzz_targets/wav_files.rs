#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| voiceagent_core::fuzz::wav_files(bytes));
