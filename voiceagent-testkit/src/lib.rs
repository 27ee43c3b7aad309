//! Fakes, scripted vendors, a phone simulator and conformance suites for voiceagent.

pub mod chaos;
pub mod clips;
pub mod conformance;
pub mod fakes;
pub mod fuzz;
pub mod leaks;
pub mod phone;
pub mod replay;
pub mod scenario;
pub mod simulator;
pub mod tone;
pub mod vendor;

/// The guides hold what they show.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../docs/embeddings.md")]
    struct Embeddings;
    #[doc = include_str!("../../docs/structured-output.md")]
    struct StructuredOutput;
    #[doc = include_str!("../../docs/testing.md")]
    struct Testing;
    #[doc = include_str!("../../docs/writing-a-provider.md")]
    struct WritingAProvider;
    #[doc = include_str!("../../docs/writing-a-transport.md")]
    struct WritingATransport;
}
