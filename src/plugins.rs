//! The plugins, one file each, in the order of their chapters.

pub mod authlogger;
pub mod msa;
pub mod localmail;
pub mod tarpit;
pub mod overload;
pub mod plusaliases;
pub mod dotblind;
pub mod mfdnschecks;
pub mod rblchecks;
pub mod rcptchecksfile;
pub mod rcptcheckscdb;
pub mod rcptchecks;
pub mod senderchecksfile;
pub mod senderchecks;
pub mod checkback;
pub mod checkbackpurge;
pub mod spfchecks;
pub mod ipthrottle;
pub mod userthrottle;
pub mod rater;
