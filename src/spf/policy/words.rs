//! What can be set about SPF, and what is said about it.

use crate::blocklist::words::AUTHENTICATED;
use crate::plugin::{Message, NO_FILE};
use crate::settings::{Kind, Setting};

/// What is refused.
pub const LEVEL: Setting = Setting::new("BOUNCELEVEL", Kind::Number, "-1")
    .help(
        "refuse FAIL from 0 on, SOFTFAIL 1, NEUTRAL 2, NONE 3, TEMPERROR 4, \
         PERMERROR 5",
    );

/// What is refused because of the name in HELO.
pub const HELO_LEVEL: Setting =
    Setting::new("SPF_HELOLEVEL", Kind::Number, "-1")
        .help("the same for the name in HELO, which is checked from 0 on");

/// What becomes of the result.
pub const HEADER: Setting = Setting::new("SPF_HEADER", Kind::Choice, "")
    .help("received-spf, authres or both: headers to add");

/// Who is not checked.
pub const SKIP: Setting = Setting::new("SPF_SKIP", Kind::File, "")
    .help("a file of addresses and networks that are not checked: relays");

/// Where a refusal is explained.
pub const WHY: Setting = Setting::new("SPF_WHY", Kind::Text, "").help(
    "a link for replies; %{S} %{I} %{R} stand for sender, client, this host",
);

/// How long a check may take.
pub const DEADLINE: Setting = Setting::new("SPF_DEADLINE", Kind::Number, "20")
    .help("seconds after which a check is a TEMPERROR");

/// The client is listed in SPF_SKIP.
pub const SKIPPED: Message =
    Message::log("No checks performed, because {ip} is in SPF_SKIP");

/// The server has not told enough.
pub const MISSING: Message = Message::log("error, missing information.");

/// The server has told nonsense.
pub const BAD_IP: Message = Message::log("error, invalid IP address ({ip}).");

/// The client takes mail for the recipient too.
pub const SECONDARY: Message = Message::log("accepted from secondary MX");

/// What every check ends with.
pub const PASSED: Message = Message::log("SPF_RESULT_PASS, {comment}");

/// What every other check ends with.
pub const REJECTING: Message =
    Message::log("Rejecting on SPF_RESULT_{result}, {comment}");

/// What every other check ends with.
pub const ACCEPTING: Message =
    Message::log("Accepting on SPF_RESULT_{result}, {comment}");

/// For FAIL (RFC 7208 8.4, RFC 7372).
pub const FAIL: Message = Message::reply("550 5.7.23 {explanation}{why}");

/// For results that only a strict server refuses.
pub const OTHER: Message =
    Message::reply("550 5.7.23 SPF {result}: {comment}{why}");

/// For TEMPERROR (RFC 7208 8.6).
pub const TEMPORARY: Message =
    Message::reply("451 4.4.3 SPF cannot be checked now: {comment}");

/// For PERMERROR (RFC 7208 8.7, RFC 7372).
pub const PERMANENT: Message =
    Message::reply("550 5.7.24 SPF cannot be checked: {comment}{why}");

/// Everything that is said about a check.
pub const MESSAGES: &[Message] = &[
    AUTHENTICATED,
    SKIPPED,
    NO_FILE,
    MISSING,
    BAD_IP,
    SECONDARY,
    PASSED,
    REJECTING,
    ACCEPTING,
    FAIL,
    OTHER,
    TEMPORARY,
    PERMANENT,
];
