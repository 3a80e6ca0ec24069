//! Where the tour stops: a scene for every plugin.

/// Names with what belongs to them.
type Pairs = &'static [(&'static str, &'static str)];

/// A stop of the tour.
pub struct Stop {
    /// The plugin that is shown.
    pub plugin: &'static str,
    /// What is special here.
    pub scene: &'static str,
    /// The plugins, in the form of smtpplugins.
    pub chain: &'static str,
    /// Variables that the server starts with.
    pub variables: Pairs,
    /// Control files; `CDB:a,b` is a CDB with these keys.
    pub files: Pairs,
    /// DNS, in the form of a zone file.
    pub zone: &'static str,
    /// The configuration of a rater, where one is wanted.
    pub limits: &'static str,
    /// Whether waiting takes time: a real server has to answer.
    pub takes_time: bool,
    /// What the client says, besides EHLO and QUIT.
    pub client: &'static [&'static str],
}

/// A stop where nothing is set.
const PLAIN: Stop = Stop {
    plugin: "",
    scene: "",
    chain: "",
    variables: &[],
    files: &[],
    zone: "",
    limits: "",
    takes_time: false,
    client: &[],
};

/// The server of another domain: its name, its plugins, its files. The
/// client of every stop claims to come from there.
pub const NEIGHBOUR: (&str, &str, Pairs) = (
    "example.com",
    "[rcpt]\nrcptchecksfile\n",
    &[
        ("control/rcpthosts", "example.com\n"),
        ("control/addresslist", "aunt@example.com\n"),
    ],
);

/// The message that every stop delivers if it can.
const MESSAGE: &str = "Subject: a postcard\r\n\r\nWish you were here.\r\n.";

/// All stops.
pub const STOPS: &[Stop] = &[
    Stop {
        plugin: "authlogger",
        scene: "joe has logged in; the log should say so",
        chain: "[mail]\nauthlogger\n",
        variables: &[("SMTPAUTHUSER", "joe@example.org")],
        client: &["MAIL FROM:<joe@example.org>"],
        ..PLAIN
    },
    Stop {
        plugin: "msa",
        scene: "a stranger wants to submit mail",
        chain: "[mail]\nmsa\n",
        client: &["MAIL FROM:<stranger@example.com>"],
        ..PLAIN
    },
    Stop {
        plugin: "localmail",
        scene: "the intern may write to colleagues only",
        chain: "[rcpt]\nlocalmail\n",
        variables: &[("SMTPAUTHUSER", "intern"), ("RELAYCLIENT", "")],
        files: &[
            ("control/localonly", "intern\n"),
            ("control/rcpthosts", "example.org\n"),
        ],
        client: &[
            "MAIL FROM:<intern@example.org>",
            "RCPT TO:<friend@elsewhere.example>",
            "RCPT TO:<boss@example.org>",
            "DATA",
            MESSAGE,
        ],
        ..PLAIN
    },
    Stop {
        plugin: "tarpit",
        scene: "from the second recipient on, patience is needed",
        chain: "[rcpt]\ntarpit\n",
        variables: &[("TARPITCOUNT", "2"), ("TARPITDELAY", "medium")],
        client: &[
            "MAIL FROM:<bulk@example.com>",
            "RCPT TO:<one@example.org>",
            "RCPT TO:<two@example.org>",
            "RCPT TO:<three@example.org>",
        ],
        ..PLAIN
    },
    Stop {
        plugin: "overload",
        scene: "the queue is long: control/overloaded is there",
        chain: "[mail]\noverload\n",
        files: &[("control/overloaded", "")],
        client: &["MAIL FROM:<patient@example.com>"],
        ..PLAIN
    },
    Stop {
        plugin: "plusaliases",
        scene: "a shop writes to the address that it was given",
        chain: "[rcpt]\nplusaliases\n",
        client: &[
            "MAIL FROM:<news@shop.example>",
            "RCPT TO:<michael+shop@example.org>",
            "DATA",
            MESSAGE,
        ],
        ..PLAIN
    },
    Stop {
        plugin: "dotblind",
        scene: "somebody remembers the dots differently",
        chain: "[rcpt]\ndotblind\n",
        client: &[
            "MAIL FROM:<aunt@example.com>",
            "RCPT TO:<m.i.chael@example.org>",
            "DATA",
            MESSAGE,
        ],
        ..PLAIN
    },
    Stop {
        plugin: "mfdnschecks",
        scene: "one sender's domain is there, the other is made up",
        chain: "[mail]\nmfdnschecks\n",
        zone: NEIGHBOUR_ZONE,
        client: &[
            "MAIL FROM:<aunt@example.com>",
            "MAIL FROM:<prince@made-up.example>",
        ],
        ..PLAIN
    },
    Stop {
        plugin: "rblchecks",
        scene: "the client is on the second of two blocklists",
        chain: "[mail]\nrblchecks\n",
        variables: &[("RBLSERVERS", "kind.example:strict.example")],
        zone: "scenarios:\n\
               - name: tour\n  zone:\n    \
               \"1.0.0.127.strict.example\":\n    \
               - {\"A\": \"127.0.0.2\"}\n    \
               - {\"TXT\": \"sent spam on Monday\"}\n",
        client: &["MAIL FROM:<aunt@example.com>"],
        ..PLAIN
    },
    Stop {
        plugin: "spfchecks",
        scene: "the sender's domain says that this client is not its own",
        chain: "[rcpt]\nspfchecks\n",
        variables: &[("BOUNCELEVEL", "0")],
        zone: NEIGHBOUR_ZONE,
        client: &[
            "MAIL FROM:<king@strict.example>",
            "RCPT TO:<joe@example.org>",
            "RSET",
            "MAIL FROM:<aunt@example.com>",
            "RCPT TO:<joe@example.org>",
        ],
        ..PLAIN
    },
    Stop {
        plugin: "ipthrottle",
        scene: "an address may begin two messages a minute, not three",
        chain: "[mail]\nipthrottle\n",
        limits: "[limits]\nip = [[\"*\", 60, 2]]\n",
        takes_time: true,
        client: &[
            "MAIL FROM:<one@example.com>",
            "MAIL FROM:<two@example.com>",
            "MAIL FROM:<three@example.com>",
        ],
        ..PLAIN
    },
    Stop {
        plugin: "userthrottle",
        scene: "joe may send once a minute, his boss as often as she likes",
        chain: "[mail]\nuserthrottle\n",
        variables: &[("SMTPAUTHUSER", "joe")],
        limits: "[limits]\n\
                 user = [[\"boss\", 0, 0], [\"*\", 60, 1]]\n",
        takes_time: true,
        client: &["MAIL FROM:<joe@example.org>", "MAIL FROM:<joe@example.org>"],
        ..PLAIN
    },
    Stop {
        plugin: "rater",
        scene: "a sender may write to one of our users once an hour",
        chain: "[rcpt]\nrater\n",
        variables: &[
            ("RATER_CLASS", "pair"),
            ("RATER_KEY", "${SMTPMAILFROM} ${SMTPRCPTTO}"),
            ("RATER_REPLY", "450 4.7.1 You have written an hour ago"),
        ],
        limits: "[limits]\npair = [[\"*\", \"1h\", 1]]\n",
        takes_time: true,
        client: &[
            "MAIL FROM:<aunt@example.com>",
            "RCPT TO:<joe@example.org>",
            "RCPT TO:<jane@example.org>",
            "RCPT TO:<joe@example.org>",
        ],
        ..PLAIN
    },
    Stop {
        plugin: "rcptchecksfile",
        scene: "there is a Joe, and there is no Jim",
        chain: "[rcpt]\nrcptchecksfile\n",
        files: &[
            ("control/rcpthosts", "example.org\n"),
            ("control/addresslist", "joe@example.org\n"),
        ],
        client: JOE_AND_JIM,
        ..PLAIN
    },
    Stop {
        plugin: "rcptcheckscdb",
        scene: "the same, where the list is too long for a text file",
        chain: "[rcpt]\nrcptcheckscdb\n",
        files: &[
            ("control/rcpthosts", "example.org\n"),
            ("control/addresslist.cdb", "CDB:joe@example.org"),
        ],
        client: JOE_AND_JIM,
        ..PLAIN
    },
    Stop {
        plugin: "rcptchecks",
        scene: "the domain is one of vpopmail's, which knows its users",
        chain: "[rcpt]\nrcptchecks\n",
        files: VPOPMAIL,
        client: JOE_AND_JIM,
        ..PLAIN
    },
    Stop {
        plugin: "senderchecksfile",
        scene: "somebody claims to be one of us, who does not exist",
        chain: "[mail]\nsenderchecksfile\n",
        files: &[
            ("control/rcpthosts", "example.org\n"),
            ("control/addresslist", "joe@example.org\n"),
        ],
        client: FROM_JOE_AND_JIM,
        ..PLAIN
    },
    Stop {
        plugin: "senderchecks",
        scene: "the same, asked of vpopmail",
        chain: "[mail]\nsenderchecks\n",
        files: VPOPMAIL,
        client: FROM_JOE_AND_JIM,
        ..PLAIN
    },
    Stop {
        plugin: "checkback",
        scene: "we ask the sender's own server whether she exists",
        chain: "[mail]\ncheckback\n",
        variables: &[("CHECKBACK_MODE", "enforce"), ("CHECKBACK_PRIVATE", "1")],
        zone: NEIGHBOUR_ZONE,
        takes_time: true,
        client: &[
            "MAIL FROM:<aunt@example.com>",
            "MAIL FROM:<uncle@example.com>",
        ],
        ..PLAIN
    },
    Stop {
        plugin: "checkbackpurge",
        scene: "what checkback remembers is swept, here in passing",
        chain: "[mail]\ncheckbackpurge\n",
        client: &["MAIL FROM:<aunt@example.com>"],
        ..PLAIN
    },
];

/// One who lives here, and one who does not.
const JOE_AND_JIM: &[&str] = &[
    "MAIL FROM:<aunt@example.com>",
    "RCPT TO:<joe@example.org>",
    "RCPT TO:<jim@example.org>",
];

/// The same two as senders.
const FROM_JOE_AND_JIM: &[&str] =
    &["MAIL FROM:<joe@example.org>", "MAIL FROM:<jim@example.org>"];

/// The files of a small vpopmail.
const VPOPMAIL: Pairs = &[
    ("control/virtualdomains", "example.org:example.org\n"),
    (
        "users/assign",
        "+example.org-:example.org:89:89:/home/vpopmail/example.org:-::\n.\n",
    ),
    (
        "/home/vpopmail/example.org/vpasswd",
        "joe:x:1:0:Joe:/home/vpopmail/example.org/joe:NOQUOTA\n",
    ),
];

/// The neighbour's names, and those of a domain that never sends from here.
const NEIGHBOUR_ZONE: &str = "scenarios:\n\
    - name: tour\n  zone:\n    \
    \"example.com\":\n    \
    - {\"MX\": [10, \"mx.example.com\"]}\n    \
    - {\"TXT\": \"v=spf1 mx -all\"}\n    \
    \"mx.example.com\":\n    \
    - {\"A\": \"127.0.0.1\"}\n    \
    \"strict.example\":\n    \
    - {\"TXT\": \"v=spf1 -all\"}\n";
