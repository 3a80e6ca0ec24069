//! Rate limiting: how often has this been seen lately?
//!
//! A question is a line, `CLASS VALUE`; asking it is a *mark*. The answer
//! tells how many marks there are in the window, and whether that is too
//! many. The modules lead from the line on the wire to the C function:
//! [`wire`] reads and writes lines, [`rules`] finds the limit of a value,
//! [`window`] counts marks, [`store`] keeps many windows and forgets them
//! in time, [`server`] answers connections. These are the whole daemon; the
//! rest makes it comfortable.

pub mod wire;
pub mod rules;
pub mod window;
pub mod journal;
pub mod store;
pub mod clock;
pub mod log;
pub mod shared;
pub mod address;
pub mod listener;
pub mod server;
pub mod config;
pub mod state;
pub mod control;
pub mod daemon;
pub mod client;
pub mod limiter;
pub mod capi;
pub mod counted;
