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

use std::future::Future;
use std::io::Write;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::archive::Archive;
use crate::dns::system::Lazy;
use crate::plugin::Plugin;
use crate::rater::limiter::Rater;
use crate::session::Session;
use crate::world::{QMAIL, World};

/// The world that a session's variables describe: `RA_QMAIL` is the qmail
/// folder, `RA_DNS` says whom to ask.
pub fn world(session: &Session) -> World {
    let mut world = World::real(session.get("RA_QMAIL").unwrap_or(QMAIL));
    world.memory = Arc::new(Archive::default());
    world.dns = Arc::new(Lazy::new(session.get("RA_DNS")));
    world.limiter = Arc::new(Rater::of(session.get("RATER")));
    world
}

/// Runs one plugin as qmail-smtpd expects it: the whole of a plugin's
/// `main`. Whatever happens, the exit status is 0. The server ignores it, but
/// for 120 and death by a signal, which refuse mail.
pub fn run(plugin: &Plugin) -> ExitCode {
    let session = Session::from_environment();
    let world = world(&session);
    let mut work = pin!(plugin.run(&session, &world));
    // Most plugins never wait, and a runtime costs a tenth of their life.
    let mut context = Context::from_waker(Waker::noop());
    if let Poll::Ready(status) = work.as_mut().poll(&mut context) {
        return status;
    }
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => {
            let name = plugin.name;
            _ = writeln!(std::io::stderr(), "{name}: {error}");
            ExitCode::SUCCESS
        }
    }
}
