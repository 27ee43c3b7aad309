//! Scripted vendors on loopback that speak the real protocols.

pub mod openai_chat;
