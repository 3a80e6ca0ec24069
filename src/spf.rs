//! SPF: who may send mail in the name of a domain (RFC 7208).
//!
//! A domain publishes a [`record`]; its names may hold [`macros`]; a
//! receiver [`check`]s a client against it and gets an [`outcome`]. What the
//! domain has to say about a refusal is a stranger's word ([`explain`]); what
//! we found goes into a [`header`]. [`suite`] puts all of it to the test, and
//! [`policy`] is what a receiver makes of it.

pub mod record;
pub mod macros;
pub mod token;
pub mod parse;
pub mod outcome;
pub mod ahead;
pub mod evaluation;
pub mod mechanisms;
pub mod check;
pub mod explain;
pub mod header;
pub mod suite;
pub mod policy;
