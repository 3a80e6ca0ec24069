//! `librater`: the C function of `ra_plugins::rater::capi`, as a library.

pub use ra_plugins::rater::capi::rater_check;
