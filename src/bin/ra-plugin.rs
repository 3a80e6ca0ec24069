//! `ra-plugin`: the plugins, and nothing else.
//!
//! A plugin lives for a millisecond, and a good part of that is spent on
//! being loaded. What is not in a program need not be loaded.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use ra_plugins::plugin::Plugin;
use ra_plugins::{machine, registry};

/// Runs the plugin whose name the program was called by, or else the one
/// whose name is the first argument.
fn main() -> ExitCode {
    match std::env::args_os().take(2).find_map(named) {
        Some(plugin) => machine::run(plugin),
        None => {
            _ = writeln!(std::io::stderr(), "usage: ra-plugin NAME");
            // Somebody is trying this by hand; to a server it is silence.
            ExitCode::from(2)
        }
    }
}

/// The plugin that a word names, with or without a folder before it.
fn named(word: OsString) -> Option<&'static Plugin> {
    let name = Path::new(&word).file_name()?.to_str()?;
    registry::find(name)
}
