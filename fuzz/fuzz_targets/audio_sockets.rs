#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| voiceagent_telephony::fuzz::audio_sockets(bytes));
