//! The rater: its parts against naive models, and the daemon as a whole.

mod rules;
mod server;
mod store;
mod window;
