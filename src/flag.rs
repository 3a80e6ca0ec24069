//! A flag: a file that says something by being there.
//!
//! A person may raise it with `touch`, and then it stands until he takes it
//! down. A program marks what it raises, and renews it; when it does not any
//! more, it is no longer there to lower the flag either.
//!
//! ```
//! use ra_plugins::flag::is_abandoned;
//! use ra_plugins::frozen::Frozen;
//!
//! let world = Frozen::new().file("control/overloaded", "").world();
//! let path = world.path("control/overloaded");
//! assert!(!is_abandoned(&world, &path, 900));
//! ```

use std::path::Path;

use crate::settings::{Kind, Setting};
use crate::world::World;

/// The file whose presence says that there is too much to do.
pub const FILE: Setting =
    Setting::new("OVERLOADFILE", Kind::File, "control/overloaded")
        .help("while this file exists, strangers are asked to come back");

/// How long a flag counts that nobody renews.
pub const STALE: Setting = Setting::new("OVERLOADSTALE", Kind::Number, "900")
    .help(
        "seconds after which a flag of `ra overload` no longer counts unless \
         it was renewed, 0 for never; one made by hand always counts",
    );

/// How a flag begins that `ra overload` has raised.
pub const MARK: &str = "ra overload: ";

/// Whether a flag was raised by a program that has not renewed it for so
/// many seconds, and so is no longer there to lower it. A flag that we cannot
/// read is somebody's.
pub fn is_abandoned(world: &World, path: &Path, limit: i64) -> bool {
    let Ok(about) = world.files.about(path) else { return false };
    let age = world.clock.now().duration_since(about.modified);
    let age = age.unwrap_or_default().as_secs();
    let is_old = u64::try_from(limit).is_ok_and(|it| it > 0 && age > it);
    let text = || world.files.read(path).unwrap_or_default();
    is_old && text().starts_with(MARK.as_bytes())
}
