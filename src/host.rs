//! The other side of the protocol.
//!
//! So far we were the guest of a mail server. Here we are the server: the
//! [`chain`] runs plugins as qmail-spp does, [`smtpd`] speaks SMTP with
//! strangers and keeps what it promises them, [`replay`] holds recordings of
//! the originals against us.

pub mod journal;
pub mod client;
pub mod chain;
pub mod process;
pub mod section;
pub mod request;
pub mod received;
pub mod data;
pub mod deliver;
pub mod queue;
pub mod auth;
pub mod tls;
pub mod policy;
pub mod conversation;
pub mod transaction;
pub mod login;
pub mod smtpd;
pub mod server;
pub mod recording;
pub mod cases;
pub mod script;
pub mod dialogues;
pub mod replay;
