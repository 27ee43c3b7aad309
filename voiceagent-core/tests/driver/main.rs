//! Whole calls through the real driver, in virtual time.

mod barge_in;
mod calls;
mod ears;
mod end;
mod endurance;
mod failures;
mod figures;
mod realtime;
mod resume;
mod tools;
