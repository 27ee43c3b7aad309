//! The session alone, in virtual time: what it decides, to the millisecond.

mod backchannel;
mod barge_in;
mod end;
mod endless;
mod failures;
mod figures;
mod fillers;
mod flow;
mod goodbyes;
mod heard;
mod history;
mod idle;
mod laws;
mod patience;
mod presets;
mod readings;
mod realtime;
mod resume;
mod rewritten;
mod speculation;
mod summary;
mod text_leg;
mod tools;
mod turn_ends;
mod turn_margins;
mod turns;
