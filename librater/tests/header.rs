//! The header that is committed is the one that the source makes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::path::Path;

/// Makes it again. Where it differs, the new one stands beside the old one
/// as rater.h.new, to be looked at and moved there.
#[test]
fn the_header_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = folder.join("cbindgen.toml");
    let config = cbindgen::Config::from_file(config).unwrap();
    let mut made = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(folder.join("../src/rater/capi.rs"))
        .generate()
        .unwrap()
        .write(&mut made);
    let made = String::from_utf8(made).unwrap();
    let header = folder.join("rater.h");
    let committed = std::fs::read_to_string(&header).unwrap_or_default();
    if made != committed {
        std::fs::write(folder.join("rater.h.new"), &made).unwrap();
    }
    assert_eq!(made, committed, "see librater/rater.h.new");
}
