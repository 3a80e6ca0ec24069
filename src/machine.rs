//! The machine we run on, with everything plugged in.
//!
//! [`World::real`](crate::world::World::real) knows only what came before
//! it. Here the ports get what this book has made since: this is the world
//! of the program.
//!
//! ```
//! use ra_plugins::{machine, session::Session};
//!
//! let session = Session::new(1).with("RA_QMAIL", "/srv/qmail");
//! assert_eq!(machine::world(&session).qmail.to_str(), Some("/srv/qmail"));
//! ```

use std::sync::Arc;

use crate::notebook::Notebook;
use crate::session::Session;
use crate::world::{QMAIL, World};

/// The world that a session's variables describe.
pub fn world(session: &Session) -> World {
    let mut world = World::real(session.get("RA_QMAIL").unwrap_or(QMAIL));
    world.memory = Arc::new(Notebook);
    world
}
