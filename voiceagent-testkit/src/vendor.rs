//! Scripted vendors on loopback that speak the real protocols.
