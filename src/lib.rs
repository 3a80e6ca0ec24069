//! Plugins that decide about mail while the SMTP session is still open.
//!
//! The modules stand in reading order: each uses only those above it, and
//! each has its chapter in the book.

pub mod spp;
pub mod session;
pub mod settings;
pub mod world;
pub mod frozen;
pub mod control;
pub mod plugin;
pub mod alias;
pub mod rater;
pub mod plugins;
pub mod registry;
pub mod cli;
