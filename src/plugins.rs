//! The plugins, one file each, in the order of their chapters.

pub mod authlogger;
pub mod msa;
pub mod localmail;
pub mod tarpit;
pub mod overload;
pub mod plusaliases;
pub mod dotblind;
pub mod ipthrottle;
pub mod userthrottle;
pub mod rater;
