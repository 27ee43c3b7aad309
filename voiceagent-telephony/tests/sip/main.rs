//! Calls over SIP and RTP, on real sockets of this host.

#![expect(clippy::unwrap_used, reason = "a test whose setup fails must stop")]

mod calls;
mod capacity;
mod challenges;
mod conversation;
mod copies;
mod crossings;
mod dial;
mod early_media;
mod flood;
mod hold;
mod keep_alive;
mod media;
mod phone;
mod proxies;
mod proxy;
mod refreshes;
mod registration;
mod reoffers;
mod replaces;
mod server;
mod streams;
mod torture;
mod transfers;
mod trunks_by_tls;
mod within;
