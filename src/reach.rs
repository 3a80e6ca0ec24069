//! How far the mail of a user may go.
//!
//! A list names those who may only write to colleagues, and whom else each
//! of them may write to. Who is a colleague is not for the list to say.
//!
//! ```
//! use ra_plugins::control::Control;
//! use ra_plugins::reach::is_restricted;
//!
//! let list = Control::new(b"@printers.example: joe@example.net\n");
//! assert!(is_restricted(&list, "scan@printers.example", "jim@example.net"));
//! assert!(!is_restricted(&list, "scan@printers.example", "joe@example.net"));
//! assert!(!is_restricted(&list, "jim@example.org", "jim@example.net"));
//! ```

use crate::control::{Control, Unreadable, is_in_rcpthosts, names};
use crate::plugin::{Message, Verdict};
use crate::session::{Address, Session};
use crate::settings::{Kind, Setting};
use crate::world::World;

/// The file that names them.
pub const CONF: Setting =
    Setting::new("LOCALMAILCONF", Kind::File, "control/localonly").help(
        "users who may only send inside: `user`, `@domain`, \
         `user: friend@x.example @y.example` with exceptions",
    );

/// A line of the list is not UTF-8; the others count.
pub const FLAWED: Message = Message::log("{file}: line {number} is not UTF-8");

/// Whether this recipient is out of this user's reach.
pub fn is_out_of_reach(
    session: &Session,
    world: &World,
    user: &str,
    recipient: &str,
    verdict: &mut Verdict,
) -> Result<bool, Unreadable> {
    let name = CONF.text(session);
    let list = Control::read(world, name)?;
    if let Some(number) = list.flawed_line {
        verdict.log(&FLAWED, &[name, &number.to_string()]);
    }
    Ok(is_restricted(&list, user, recipient)
        && is_outside(session, world, recipient)?)
}

/// Whether a list keeps a user from writing to somebody outside: it names
/// the user, and not the recipient among his exceptions.
pub fn is_restricted(list: &Control, user: &str, recipient: &str) -> bool {
    let mut exceptions = list.given_to(user).peekable();
    let is_listed = exceptions.peek().is_some();
    let mut exceptions = exceptions.flat_map(str::split_whitespace);
    is_listed && !exceptions.any(|entry| names(entry, recipient))
}

/// Whether a recipient is elsewhere. The server's word is enough for a no;
/// its yes may only mean that the client is one of ours (as recorded in
/// sessions.json: plugins-localmail), so rcpthosts is asked again. Somebody
/// without a domain is here.
pub fn is_outside(
    session: &Session,
    world: &World,
    recipient: &str,
) -> Result<bool, Unreadable> {
    if session.recipient_allowed() != Some(true) {
        return Ok(true);
    }
    let Some(address) = Address::parse(recipient) else {
        return Ok(recipient.contains('@'));
    };
    match is_in_rcpthosts(world, address.domain) {
        Err(error) if error.is_absent() && !session.relay_client() => Ok(false),
        answer => Ok(!answer?),
    }
}
