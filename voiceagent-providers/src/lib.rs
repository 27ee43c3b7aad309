//! Speech recognition, language models and voices of many vendors for voiceagent.

#[cfg(feature = "openai")]
pub mod openai;
mod wire;

use voiceagent_core::registry::Registry;

/// Registers every provider that the crate's features compile in.
///
/// ```
/// let mut registry = voiceagent_core::registry::Registry::default();
/// voiceagent_providers::register(&mut registry);
/// assert!(registry.llm.names().any(|name| name == "openai"));
/// ```
#[cfg_attr(not(feature = "openai"), expect(unused_variables, reason = "nothing is compiled in"))]
pub fn register(registry: &mut Registry) {
    #[cfg(feature = "openai")]
    openai::register(registry);
}
