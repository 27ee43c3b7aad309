//! Fakes, scripted vendors, a phone simulator and conformance suites for voiceagent.

pub mod clips;
pub mod conformance;
pub mod fakes;
pub mod phone;
pub mod scenario;
pub mod tone;
pub mod vendor;
