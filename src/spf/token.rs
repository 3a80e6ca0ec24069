//! The smallest pieces of a record: bytes, words and numbers.
//!
//! A record is mostly names, and of each of their bytes the question is only
//! whether it goes on.
//!
//! ```
//! use ra_plugins::spf::token::{LITERAL, MX, NAME, kinds, number, word};
//!
//! assert_eq!(kinds(&b'/') & (NAME | LITERAL), LITERAL);
//! assert_eq!(word(b"mX"), MX);
//! assert_eq!(number(b"24//64"), Some((24, &b"//64"[..])));
//! ```

use std::net::Ipv6Addr;

/// A byte that may stand in the name of a term.
pub const NAME: u8 = 1;

/// A byte that stands for itself in a `macro-string` (7.1).
pub const LITERAL: u8 = 2;

/// A byte of an IPv6 address.
pub const ADDRESS: u8 = 4;

/// What each byte may be: most of a record is told by one look into here.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let (mut at, mut rest) = (0_u8, kinds.as_mut_slice());
    while let [kind, others @ ..] = rest {
        *kind = match at {
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => NAME | LITERAL | ADDRESS,
            b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => NAME | LITERAL,
            b'.' => NAME | LITERAL | ADDRESS,
            b':' => LITERAL | ADDRESS,
            b'!'..=b'$' | b'&'..=b'~' => LITERAL,
            _ => 0,
        };
        (at, rest) = (at.wrapping_add(1), others);
    }
    kinds
};

/// What a byte may be.
pub fn kinds(byte: &u8) -> u8 {
    KINDS.get(usize::from(*byte)).copied().unwrap_or_default()
}

/// A word of up to eight letters as a number, whatever their case; of a
/// longer one its end, and then no byte of the number is 0.
pub const fn word(name: &[u8]) -> u64 {
    let (mut number, mut rest) = (0, name);
    while let [letter, others @ ..] = rest {
        number = number << 8 | letter.to_ascii_lowercase() as u64;
        rest = others;
    }
    number
}

/// The mechanisms (section 5).
pub const ALL: u64 = word(b"all");
/// 5.2.
pub const INCLUDE: u64 = word(b"include");
/// 5.3.
pub const A: u64 = word(b"a");
/// 5.4.
pub const MX: u64 = word(b"mx");
/// 5.5.
pub const PTR: u64 = word(b"ptr");
/// 5.6.
pub const IP4: u64 = word(b"ip4");
/// 5.6.
pub const IP6: u64 = word(b"ip6");
/// 5.7.
pub const EXISTS: u64 = word(b"exists");

/// A decimal number at the beginning of a text, and what is left. It ends
/// after a leading zero and after three digits: what may follow a number is
/// no digit, so more of them are an error there.
pub fn number(text: &[u8]) -> Option<(u16, &[u8])> {
    let value = |digit: &u8| u16::from(digit - b'0');
    match text {
        [b'0', rest @ ..] => Some((0, rest)),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
            Some((value(a) * 100 + value(b) * 10 + value(c), rest))
        }
        [a @ b'1'..=b'9', b @ b'0'..=b'9', rest @ ..] => {
            Some((value(a) * 10 + value(b), rest))
        }
        [a @ b'1'..=b'9', rest @ ..] => Some((value(a), rest)),
        _ => None,
    }
}

/// An IPv6 network as most are written, up to seven groups, then `::`; and
/// what is left. The standard library knows all forms of an address, and
/// takes five times as long.
pub fn network_ip6(text: &[u8]) -> Option<(Ipv6Addr, &[u8])> {
    let (mut groups, mut rest) = ([0; 8], text);
    for place in groups.iter_mut().take(7) {
        (*place, rest) = hex(rest)?;
        rest = match rest {
            [b':', b':', next, ..] if kinds(next) & ADDRESS != 0 => {
                return None;
            }
            [b':', b':', rest @ ..] => return Some((groups.into(), rest)),
            [b':', rest @ ..] => rest,
            _ => return None,
        };
    }
    None
}

/// A hexadecimal number of one to four digits at the beginning of a text,
/// and what is left.
fn hex(text: &[u8]) -> Option<(u16, &[u8])> {
    let (mut number, mut rest) = (0, text);
    while let [byte, others @ ..] = rest {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => break,
        };
        (number, rest) = (number << 4 | u32::from(digit), others);
    }
    let digits = text.len() - rest.len();
    let number = u16::try_from(number).ok().filter(|_| digits > 0)?;
    (digits <= 4).then_some((number, rest))
}
