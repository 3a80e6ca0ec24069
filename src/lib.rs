//! Plugins that decide about mail while the SMTP session is still open.
//!
//! The modules stand in reading order: each uses only those above it, and
//! each has its chapter in the book.

pub mod spp;
pub mod session;
pub mod settings;
pub mod cdb;
pub mod memory;
pub mod network;
pub mod lookup;
pub mod world;
pub mod frozen;
pub mod control;
pub mod plugin;
pub mod reach;
pub mod pace;
pub mod flag;
pub mod alias;
pub mod dns;
pub mod exchangers;
pub mod blocklist;
pub mod spf;
pub mod rater;
pub mod throttle;
pub mod ipsv;
pub mod mailboxes;
pub mod recipients;
pub mod senders;
pub mod callback;
pub mod archive;
pub mod plugins;
pub mod host;
pub mod machine;
pub mod registry;
pub mod cli;
