//! DNS: what can be asked, and the adapters that ask.
//!
//! The port is [`crate::world::Dns`]. Here are the plugs: a [`zone`] that a
//! file or a test has written down, a [`cache`] in front of whatever is
//! slow, and the [`system`]'s own resolvers.
//!
//! ```
//! use ra_plugins::dns::can_carry;
//!
//! assert!(can_carry("example.org"));
//! assert!(!can_carry("example..org"));
//! ```

pub mod lines;
pub mod zone;
pub mod cache;
pub mod system;

/// The longest name in text form, without its trailing dot (RFC 1035
/// 2.3.4: 255 octets with the length octets and the root).
pub const NAME_MAX: usize = 253;

/// The longest label (RFC 1035 2.3.4).
pub const LABEL_MAX: usize = 63;

/// Whether DNS can carry a name at all: nobody needs to be asked about
/// empty labels, long labels, long names or bytes beyond ASCII.
pub fn can_carry(name: &str) -> bool {
    name.is_ascii()
        && name.len() <= NAME_MAX
        && name.split('.').all(|label| (1..=LABEL_MAX).contains(&label.len()))
}
