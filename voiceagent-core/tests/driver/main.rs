//! Whole calls through the real driver, in virtual time.

#![expect(clippy::disallowed_methods, reason = "tests have a clock and tasks of their own")]

mod background;
mod barge_in;
mod calls;
mod ears;
mod echo;
mod end;
mod endurance;
mod failures;
mod figures;
mod health;
mod in_band_keys;
mod line_faults;
mod lost_calls;
mod prompts;
mod rate_limits;
mod realtime;
mod recording;
mod resampled;
mod resilience;
mod resume;
mod rig;
mod start;
mod stt_failover;
mod stt_finals;
mod summary;
mod tools;
mod tts_failover;
mod tts_heard;
