//! Further stops of the tour: who is asking, and who lives here.

use crate::cli::tour::Stop;

/// Our domains, for the plugins that ask.
const RCPTHOSTS: (&str, &str) = ("control/rcpthosts", "example.org\n");

/// The only one who lives there.
const ADDRESSLIST: (&str, &str) = ("control/addresslist", "joe@example.org\n");

/// vpopmail, with joe in it.
const VPOPMAIL: [(&str, &str); 3] = [
    ("control/virtualdomains", "example.org:example.org\n"),
    ("users/assign", "+example.org-:v:89:89:/v/org:-::\n.\n"),
    ("/v/org/vpasswd", "joe:x:1:0:Joe:/v/org/joe:NOQUOTA\n"),
];

/// The DNS of the tour. Its client is 127.0.0.1, which no real list has.
pub const ZONE: &str = r#"
scenarios:
- name: "tour"
  zone:
    "bank.example":
    - {"TXT": "v=spf1 ip4:192.0.2.0/24 -all"}
    - {"A": "192.0.2.1"}
    "1.0.0.127.bl.example":
    - {"A": "127.0.0.2"}
    - {"TXT": "this is only a tour"}
"#;

/// The stops at the plugins about people.
pub const PEOPLE: &[Stop] = &[
    Stop {
        plugin: "mfdnschecks",
        scene: "a sender who cannot be written back to",
        chain: "[mail]\nmfdnschecks\n",
        variables: &[],
        files: &[],
        client: &["MAIL FROM:<a@nowhere.example>", "MAIL FROM:<>"],
    },
    Stop {
        plugin: "rblchecks",
        scene: "the client is on the second of two lists",
        chain: "[mail]\nrblchecks\n",
        variables: &[("RBLSERVERS", "other.example:bl.example")],
        files: &[],
        client: &["MAIL FROM:<a@example.com>"],
    },
    Stop {
        plugin: "spfchecks",
        scene: "somebody writes in the name of a bank",
        chain: "[mail]\nspfchecks\n",
        variables: &[("BOUNCELEVEL", "0")],
        files: &[],
        client: &["MAIL FROM:<security@bank.example>"],
    },
    Stop {
        plugin: "rcptchecksfile",
        scene: "one guess too many",
        chain: "[rcpt]\nrcptchecksfile\n",
        variables: &[("CHKUSER_WRONGRCPTLIMIT", "1")],
        files: &[RCPTHOSTS, ADDRESSLIST],
        client: &[
            "MAIL FROM:<guess@example.com>",
            "RCPT TO:<jim@example.org>",
            "RCPT TO:<joe@example.org>",
            "RCPT TO:<jack@example.org>",
        ],
    },
    Stop {
        plugin: "rcptcheckscdb",
        scene: "the database is damaged; the mail must pass",
        chain: "[rcpt]\nrcptcheckscdb\n",
        variables: &[],
        files: &[RCPTHOSTS, ("control/addresslist.cdb", "half a file")],
        client: &["MAIL FROM:<a@example.com>", "RCPT TO:<joe@example.org>"],
    },
    Stop {
        plugin: "rcptchecks",
        scene: "vpopmail knows joe, and no jim",
        chain: "[rcpt]\nrcptchecks\n",
        variables: &[],
        files: &VPOPMAIL,
        client: &[
            "MAIL FROM:<a@example.com>",
            "RCPT TO:<joe@example.org>",
            "RCPT TO:<jim@example.org>",
        ],
    },
    Stop {
        plugin: "senderchecksfile",
        scene: "somebody pretends to be one of us",
        chain: "[mail]\nsenderchecksfile\n",
        variables: &[],
        files: &[RCPTHOSTS, ADDRESSLIST],
        client: &["MAIL FROM:<jim@example.org>"],
    },
    Stop {
        plugin: "senderchecks",
        scene: "the same, where vpopmail knows us",
        chain: "[mail]\nsenderchecks\n",
        variables: &[],
        files: &VPOPMAIL,
        client: &["MAIL FROM:<jim@example.org>", "MAIL FROM:<a@example.com>"],
    },
    Stop {
        plugin: "checkback",
        scene: "nobody takes mail for the sender; only the log is told",
        chain: "[mail]\ncheckback\n",
        variables: &[],
        files: &[],
        client: &["MAIL FROM:<joe@nowhere.example>"],
    },
    Stop {
        plugin: "checkbackpurge",
        scene: "cron runs this one; a session does not mind",
        chain: "[mail]\ncheckbackpurge\n",
        variables: &[],
        files: &[],
        client: &["MAIL FROM:<a@example.com>"],
    },
];
