//! The rater: its parts against naive models, and the daemon as a whole.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod config;
mod process;
mod rules;
mod server;
mod shared;
mod store;
mod window;

/// Compares with snapshots/AREA__CASE.snap, CASE being that of the rstest.
fn snapshot(area: &str, shown: &str) {
    let thread: std::thread::Thread = std::thread::current();
    let name = thread.name().unwrap_or_default();
    let case = name.rsplit("::").next().unwrap_or_default();
    let case = case.splitn(3, '_').nth(2).unwrap_or(case);
    snapshot_as(&format!("{area}__{case}"), shown);
}

/// Compares with snapshots/NAME.snap.
fn snapshot_as(name: &str, shown: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!(name, shown);
    });
}
