//! A car dealership that answers its phone: the data, the tools and the conversation.

pub mod agenda;
pub mod agent;
mod bearer;
pub mod brain;
pub mod calendar;
pub mod calls;
pub mod campaign;
pub mod clock;
pub mod config;
pub mod customers;
pub mod demo;
pub mod departments;
pub mod doctor;
pub mod errand;
pub mod eval;
mod events;
pub mod export;
pub mod graph;
pub mod guard;
mod health;
pub mod jobs;
mod journals;
mod keys;
pub mod leads;
pub mod lobby;
pub mod locations;
pub mod logging;
pub mod mail;
pub mod mcp;
pub mod messages;
mod metrics;
mod minutes;
mod mirror;
pub mod operator;
pub mod phone;
pub mod reception;
mod record;
mod replicas;
pub mod report;
mod retention;
pub mod server;
pub mod shared;
pub mod spoken;
pub mod store;
mod table;
pub mod talk;
pub mod templates;
pub mod terminal;
pub mod tools;
mod trace;
mod version;
pub mod vin;
pub mod weather;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
