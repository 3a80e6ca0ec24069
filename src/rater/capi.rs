//! The C function: `rater_check`.
//!
//! For programs that are not ours. It keeps nothing, hands out no memory,
//! raises no signal, and whatever it is given it returns 0, 1 or 2. The crate
//! `librater` makes a library of it; `rater.h` is generated from this file.
#![expect(unsafe_code, reason = "C hands us pointers")]

use std::ffi::{CStr, c_char, c_int};
use std::panic::catch_unwind;
use std::time::Duration;

use crate::rater::client::{Reply, Trouble, check};

/// Room for an answer's text, with the NUL at its end.
pub const RATER_TEXT: usize = 128;

/// What rater has answered.
#[repr(C)]
pub struct RaterAnswer {
    /// Marks in the window, those over the limit included.
    pub count: u64,
    /// How many are allowed; 0: any number.
    pub limit: u32,
    /// The line, or what went wrong: NUL-terminated, cut where too long.
    pub text: [c_char; RATER_TEXT],
}

/// Marks `value` in `class_` at the rater at `server` ("127.0.0.1:1999" or
/// "unix:PATH") and tells how it stands: 0 within the limit, 1 over it, 2
/// nobody knows. Returns within `timeout_ms` milliseconds, whatever happens.
/// `answer` may be NULL.
///
/// # Safety
/// The three texts are NULL or end with a NUL; `answer` is NULL or has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rater_check(
    server: *const c_char,
    class_: *const c_char,
    value: *const c_char,
    timeout_ms: c_int,
    answer: *mut RaterAnswer,
) -> c_int {
    // SAFETY: as the caller has promised.
    let texts = unsafe { [text(server), text(class_), text(value)] };
    let time = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    let asked = catch_unwind(|| match texts {
        [Some(server), Some(class), Some(value)] => {
            check(server, class, value, time)
        }
        [_, _, _] => Err(Trouble::Question).into(),
    });
    // Nothing panics; but a panic that crossed into C would be the end of
    // its program.
    let reply: Reply = asked.unwrap_or_else(|_| Err(Trouble::Late).into());
    if !answer.is_null() {
        // SAFETY: valid for writing, as the caller has promised. It may be
        // uninitialised, so there is no reference to it.
        unsafe { answer.write(copied(&reply)) };
    }
    c_int::from(reply.number)
}

/// A text of C's; nothing where it is NULL or not UTF-8.
///
/// # Safety
/// It is NULL or ends with a NUL.
unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: it is not NULL, so it ends with a NUL.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}

/// A reply in C's form, with as much of its text as there is room for.
fn copied(reply: &Reply) -> RaterAnswer {
    let mut text = [0; RATER_TEXT];
    let end = reply.text.floor_char_boundary(RATER_TEXT - 1);
    for (place, byte) in text.iter_mut().zip(reply.text.bytes().take(end)) {
        *place = c_char::from_ne_bytes([byte]);
    }
    RaterAnswer { count: reply.count, limit: reply.limit, text }
}
