//! What the server says to honest clients and to others.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

mod common;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use common::{BEGINNING, Stage};
use proptest::prelude::*;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use ra_plugins::host::client::{Client, Line, Patience};
use ra_plugins::host::conversation::Conversation;
use ra_plugins::host::data::{Found, Reader};
use ra_plugins::host::deliver::{Destination, Draft, Envelope, Failure};
use ra_plugins::host::policy::Policy;
use ra_plugins::host::request::{Path, path};
use ra_plugins::host::smtpd::Ended;
use ra_plugins::session::Session;
use ra_plugins::world::Waiting;

#[tokio::test]
async fn a_whole_session() {
    let played = Stage::new("")
        .play([
            BEGINNING,
            b"NOOP\r\nVRFY joe\r\nHELP\r\nDATA\r\n",
            b"Subject: t\r\n\r\n..hi\r\n.\r\nQUIT\r\n",
        ])
        .await;
    assert_eq!(played.ended, Ended::Well);
    let codes = ["250", "252", "214", "354", "250", "221"];
    assert_eq!(played.later_codes(), codes);
    let (envelope, message) = &played.taken[0];
    assert_eq!(envelope.queue_form(), b"Fa@b.example\0Tjoe@example.org\0\0");
    let message = String::from_utf8_lossy(message);
    assert!(message.ends_with("\nSubject: t\n\n.hi\n"), "{message}");
}

#[rstest]
#[case::rcpt_first("RCPT TO:<joe@example.org>", "503")]
#[case::data_first("DATA", "503")]
#[case::unknown("FROBNICATE", "502")]
#[case::empty("", "502")]
#[case::nul("NO\0OP", "502")]
#[case::carriage_return("MAIL FROM:<a\rb@c.example>", "502")]
#[case::two_carriage_returns("NOOP\r", "250")]
#[case::no_colon("MAIL", "555")]
#[case::no_auth("AUTH PLAIN AGEAYg==", "502")]
#[case::no_tls("STARTTLS", "502")]
#[case::lower_case("noop", "250")]
#[case::declared_size("MAIL FROM:<a@b> SIZE=99999999", "552")]
#[case::size_that_fits("MAIL FROM:<a@b> SIZE=99 BODY=8BITMIME", "250")]
#[case::size_beyond_counting(
    "MAIL FROM:<a@b> SIZE=99999999999999999999",
    "552"
)]
#[case::size_that_is_none("MAIL FROM:<a@b> SIZE=many", "250")]
#[tokio::test]
async fn a_command_at_the_beginning(#[case] line: &str, #[case] code: &str) {
    let line = format!("{line}\r\n");
    let played = Stage::new("").play([line, "QUIT\r\n".to_owned()]).await;
    assert_eq!(played.codes(), ["220", code, "221"]);
}

#[rstest]
#[case::plain("FROM:<a@b.example>", "a@b.example")]
#[case::spaces("FROM:   <a@b.example>  SIZE=1", "a@b.example")]
#[case::no_brackets("FROM:a@b.example SIZE=1", "a@b.example")]
#[case::empty("FROM:<>", "")]
#[case::route("FROM:<@x.example,@y.example:a@b.example>", "a@b.example")]
#[case::quoted("FROM:<\"a b\"@c.example>", "a b@c.example")]
#[case::quoted_bracket("FROM:<\"a>b\"@c.example>", "a>b@c.example")]
#[case::escaped("FROM:<a\\>b@c.example>", "a>b@c.example")]
#[case::open("FROM:<a@b.example", "a@b.example")]
#[case::case_kept("FROM:<A@B.Example>", "A@B.Example")]
fn an_address_is_read_as_qmail_reads_it(
    #[case] argument: &str,
    #[case] address: &str,
) {
    let path: Path<'_> = path(argument.as_bytes()).unwrap();
    assert_eq!(path.address, address.as_bytes());
}

#[tokio::test]
async fn the_envelope_keeps_every_byte() {
    let played = Stage::new("")
        .play([
            &b"EHLO x\r\nMAIL FROM:<\xe9\xff@b>\r\n"[..],
            b"RCPT TO:<\xc3\xa9@example.org>\r\nDATA\r\n",
            b"8-bit \xe9\0 and CR \r within\r\n.\r\nQUIT\r\n",
        ])
        .await;
    let (envelope, message) = &played.taken[0];
    assert_eq!(envelope.sender, b"\xe9\xff@b");
    assert_eq!(envelope.recipients, [b"\xc3\xa9@example.org"]);
    assert!(message.ends_with(b"8-bit \xe9\0 and CR \r within\n"));
}

#[tokio::test]
async fn a_line_that_is_too_long_is_skipped() {
    let long = [b"NOOP ".to_vec(), vec![b'x'; 5000], b"\r\n".to_vec()];
    let played = Stage::new("").play([&long.concat()[..], b"QUIT\r\n"]).await;
    assert_eq!(played.codes(), ["220", "500", "221"]);
}

#[tokio::test]
async fn a_command_may_end_with_a_bare_line_feed() {
    let played = Stage::new("").play([&b"NOOP\nQUIT\n"[..]]).await;
    assert_eq!(played.codes(), ["220", "250", "221"]);
}

/// Whatever stands between the two messages, the second is never one of its
/// own.
#[rstest]
#[case::lf_dot_lf(b"\n.\n", "451")]
#[case::lf_dot_crlf(b"\n.\r\n", "451")]
#[case::crlf_dot_lf(b"\r\n.\n", "451")]
#[case::lf_behind_nul(b"\r\n.\r\0\n", "554")]
#[case::cr_dot_cr(b"\r.\r", "554")]
#[case::cr_dot_crlf(b"\r.\r\n", "554")]
#[case::crlf_dot_cr(b"\r\n.\r", "554")]
#[case::cr_cr_lf(b"\r\r\n.\r\r\n", "554")]
#[case::cr_of_its_own(b"\r\n\r.\r\n", "554")]
#[case::nul(b"\r\n\0.\r\n", "554")]
#[case::nul_behind(b"\r\n.\0\r\n", "554")]
#[case::nul_within(b"\r\0.\0\0\r", "554")]
#[case::two_dots(b"\r..\r\n", "250")]
#[case::bare_cr(b"\rx.\r\n", "250")]
#[case::bare_cr_before_the_dot(b"\r.x\r\n", "250")]
#[case::cr_cr_lf_in_text(b"\r\r\n..\r\r\n", "250")]
#[tokio::test]
async fn nothing_is_smuggled(#[case] middle: &[u8], #[case] code: &str) {
    let smuggled = [
        b"Subject: one\r\n\r\nhello".as_slice(),
        middle,
        b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<joe@example.org>\r\n",
        b"DATA\r\nSubject: two\r\n\r\nboo\r\n.\r\n",
    ];
    let played = Stage::new("")
        .play([BEGINNING, b"DATA\r\n", &smuggled.concat(), b"QUIT\r\n"])
        .await;
    if code == "250" {
        assert_eq!(played.later_codes(), ["354", "250", "221"]);
        assert_eq!(played.taken.len(), 1);
    } else {
        assert_eq!(played.later_codes(), ["354", code]);
        assert_eq!(played.ended, Ended::Badly);
        assert!(played.taken.is_empty());
    }
}

#[rstest]
#[case::at_a_line(b"half a message\r\n")]
#[case::within_a_line(b"half a mess")]
#[case::at_the_dot(b"half\r\n.")]
#[case::before_the_end(b"half\r\n.\r")]
#[tokio::test]
async fn a_client_that_vanishes_leaves_nothing(#[case] half: &[u8]) {
    let played = Stage::new("").play([BEGINNING, b"DATA\r\n", half]).await;
    assert_eq!(played.ended, Ended::Badly);
    assert_eq!(played.later_codes(), ["354"]);
    assert!(played.taken.is_empty());
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let all = [
        BEGINNING,
        b"RCPT TO:<x@other.example>\r\nDATA\r\nhi\r\n.\r\nRSET\r\nQUIT\r\n",
    ];
    let played = Stage::new("").play([all.concat()]).await;
    let codes = ["553", "354", "250", "250", "221"];
    assert_eq!(played.later_codes(), codes);
}

#[tokio::test]
async fn too_large_a_message_is_read_and_refused() {
    let mut stage = Stage::new("");
    stage.house.policy.bounds.size = 1000;
    let large = [vec![b'x'; 2000], b"\r\n.\r\n".to_vec()].concat();
    let played =
        stage.play([BEGINNING, b"DATA\r\n", &large, b"QUIT\r\n"]).await;
    assert_eq!(played.later_codes(), ["354", "552", "221"]);
    assert!(played.taken.is_empty());
}

/// RFC 1870 3: what the client may declare is what it may send.
#[rstest]
#[case::just_fits(b"a..............b\r\n", "250")]
#[case::doubled_dot(b"..a.............b\r\n", "250")]
#[case::one_too_many(b"a...............b\r\n", "552")]
#[tokio::test]
async fn a_message_is_as_large_as_declared(
    #[case] message: &[u8],
    #[case] code: &str,
) {
    let mut stage = Stage::new("");
    stage.house.policy.bounds.size = 18;
    let whole = [message, b".\r\n"].concat();
    let played = stage.play([BEGINNING, b"DATA\r\n", &whole]).await;
    assert_eq!(played.later_codes(), ["354", code]);
}

#[tokio::test]
async fn one_recipient_too_many_is_asked_to_come_back() {
    let mut stage = Stage::new("");
    stage.house.policy.bounds.recipients = 1;
    let played = stage
        .play([BEGINNING, b"RCPT TO:<jane@example.org>\r\nQUIT\r\n"])
        .await;
    assert_eq!(played.later_codes(), ["452", "221"]);
}

#[tokio::test]
async fn too_many_mistakes_end_the_session() {
    let mut stage = Stage::new("");
    stage.house.policy.bounds.mistakes = 2;
    let played = stage.play(["x\r\n"; 9]).await;
    assert_eq!(played.codes(), ["220", "502", "502", "421"]);
    assert_eq!(played.ended, Ended::Badly);
}

#[tokio::test]
async fn a_message_that_goes_round_in_circles_is_stopped() {
    let looping = b"Received: by x\r\n".repeat(101);
    let played = Stage::new("")
        .play([BEGINNING, b"DATA\r\n", &looping, b"\r\n.\r\nQUIT\r\n"])
        .await;
    assert_eq!(played.later_codes(), ["354", "554", "221"]);
}

#[tokio::test]
async fn a_relay_client_may_write_to_everybody() {
    let mut stage = Stage::new("");
    stage.session.set("RELAYCLIENT", ".relay");
    let played = stage
        .play([BEGINNING, b"RCPT TO:<x@other.example>\r\nDATA\r\n", b".\r\n"])
        .await;
    let (envelope, _) = &played.taken[0];
    assert_eq!(envelope.recipients[1], b"x@other.example.relay");
}

#[tokio::test]
async fn an_unwanted_sender_hears_it_at_rcpt() {
    let mut stage = Stage::new("");
    stage.house.policy.bad_senders = vec!["@B.example".to_owned()];
    let played = stage.play([BEGINNING, b"QUIT\r\n"]).await;
    assert_eq!(played.codes(), ["220", "250", "250", "553", "221"]);
    assert!(played.log[0].contains("badmailfrom"), "{:?}", played.log);
}

#[tokio::test]
async fn without_rcpthosts_a_listening_server_takes_nothing() {
    use ra_plugins::host::policy::Domains;
    let mut stage = Stage::new("");
    stage.house.policy = Policy::new("mx", Domains::Rcpthosts);
    let played = stage.play([BEGINNING, b"QUIT\r\n"]).await;
    assert_eq!(played.codes(), ["220", "250", "250", "553", "221"]);
}

/// A client that says nothing, or not enough, or for too long.
#[rstest]
#[case::silent(b"", "421 timeout")]
#[case::half_a_line(b"EHLO", "421 timeout")]
#[tokio::test(start_paused = true)]
async fn patience_ends(#[case] said: &[u8], #[case] reply: &str) {
    let stage = Stage::new("");
    let (mut client, server) = tokio::io::duplex(1024);
    let house = Arc::new(stage.house);
    let conversation = Conversation::new(house, server, stage.session);
    let held = tokio::spawn(conversation.hold());
    client.write_all(said).await.unwrap();
    let mut heard = String::new();
    client.read_to_string(&mut heard).await.unwrap();
    assert!(heard.contains(reply), "{heard}");
    assert_eq!(held.await.unwrap(), Ended::Badly);
}

/// A client that says the same every so many seconds, and is heard for ten
/// at a time and for so many in all.
fn talking(what: &'static [u8], pause: u64, session: u64) -> Client {
    let (mut talker, wire) = tokio::io::duplex(64);
    let seconds = Duration::from_secs;
    tokio::spawn(async move {
        while talker.write_all(what).await.is_ok() {
            tokio::time::sleep(seconds(pause)).await;
        }
    });
    let (idle, session) = (seconds(10), seconds(session));
    Client::new(wire, Patience { idle, session })
}

#[tokio::test(start_paused = true)]
async fn a_session_does_not_last_for_ever() {
    let mut client = talking(b"NOOP\r\n", 9, 60);
    let mut lines = 0;
    let gone = loop {
        match client.line(100).await {
            Ok(Line::Complete(_)) => lines += 1,
            Ok(Line::TooLong) => panic!("too long"),
            Err(gone) => break gone,
        }
    };
    assert_eq!(gone.to_string(), "the session lasted too long");
    assert_eq!(lines, 7);
}

/// A command has to come within the time, not only its next byte.
#[tokio::test(start_paused = true)]
async fn a_command_is_not_waited_for_byte_by_byte() {
    let mut client = talking(b"x", 4, 600);
    let begun = tokio::time::Instant::now();
    let gone = client.line(100).await.unwrap_err();
    assert_eq!(gone.to_string(), "too little came within 10s");
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
}

/// A message that comes in pieces of so many bytes, one every ten seconds. A
/// byte at a time, it is never silent, and would take for ever.
#[rstest]
#[case::a_byte(1, 300, "421 timeout (#4.4.2)")]
#[case::not_enough(8, 300, "421 timeout (#4.4.2)")]
#[case::slow(9, 4450, " qp 7\r\n")]
#[case::a_line(80, 510, " qp 7\r\n")]
#[tokio::test(start_paused = true)]
async fn a_message_that_drips_is_not_waited_for(
    #[case] bytes: usize,
    #[case] seconds: u64,
    #[case] reply: &str,
) {
    let stage = Stage::new("");
    let (client, server) = tokio::io::duplex(1024);
    let house = Arc::new(stage.house);
    let conversation = Conversation::new(house, server, stage.session);
    tokio::spawn(conversation.hold());
    let (mut hears, mut says) = tokio::io::split(client);
    says.write_all(&[BEGINNING, b"DATA\r\n"].concat()).await.unwrap();
    let begun = tokio::time::Instant::now();
    let message = [&b"drip\r\n".repeat(666)[..], b".\r\nQUIT\r\n"].concat();
    tokio::spawn(async move {
        for piece in message.chunks(bytes) {
            tokio::time::sleep(Duration::from_secs(10)).await;
            _ = says.write_all(piece).await;
        }
    });
    let mut heard = String::new();
    hears.read_to_string(&mut heard).await.unwrap();
    assert!(heard.contains(reply), "{heard}");
    assert_eq!(begun.elapsed().as_secs(), seconds);
}

/// A connection that is closed while something is unread is torn down, and
/// takes with it what was said last.
#[tokio::test]
async fn what_is_said_last_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let talker = tokio::spawn(async move {
        let mut wire = TcpStream::connect(address).await.unwrap();
        let unread = "x".repeat(8_000_000);
        wire.write_all(format!("QUIT\r\n{unread}").as_bytes()).await?;
        let mut heard = String::new();
        wire.read_to_string(&mut heard).await?;
        io::Result::Ok(heard)
    });
    let (wire, _) = listener.accept().await.unwrap();
    let minute = Duration::from_secs(60);
    let patience = Patience { idle: minute, session: minute };
    let mut client = Client::new(wire, patience);
    client.line(100).await.unwrap();
    client.say("221 bye");
    client.close().await;
    assert_eq!(talker.await.unwrap().unwrap(), "221 bye\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_listen_is_not_waited_for() {
    let (_deaf, wire) = tokio::io::duplex(16);
    let seconds = Duration::from_secs;
    let patience = Patience { idle: seconds(10), session: seconds(60) };
    let mut client = Client::new(wire, patience);
    client.say(&"x".repeat(100));
    let gone = client.flush().await.unwrap_err();
    assert_eq!(gone.to_string(), "too little came within 10s");
}

/// A destination without room.
struct Full(io::ErrorKind);

impl Destination for Full {
    fn begin(&self, _: &Envelope) -> Result<Box<dyn Draft>, Failure> {
        Ok(Box::new(Full(self.0)))
    }
}

impl Draft for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Err(self.0.into())
    }

    fn finish(
        self: Box<Self>,
        _: Envelope,
        _: Session,
    ) -> Waiting<'static, Result<(), Failure>> {
        panic!("what could not be written cannot be finished")
    }
}

#[rstest]
#[case::full(io::ErrorKind::StorageFull, "452")]
#[case::broken(io::ErrorKind::PermissionDenied, "451")]
#[tokio::test]
async fn what_cannot_be_stored_is_not_taken(
    #[case] kind: io::ErrorKind,
    #[case] code: &str,
) {
    let mut stage = Stage::new("");
    stage.house.destination = Box::new(Full(kind));
    let played =
        stage.play([BEGINNING, b"DATA\r\n", b"hi\r\n.\r\n", b"QUIT\r\n"]).await;
    assert_eq!(played.later_codes(), ["354", code, "221"]);
    assert!(played.log[0].contains("not delivered"), "{:?}", played.log);
}

/// The naive model of a message's end: look for CR LF . CR LF in the whole.
fn model(bytes: &[u8]) -> Option<Vec<u8>> {
    let whole = [b"\r\n", bytes].concat();
    let end = whole.windows(5).position(|it| it == b"\r\n.\r\n")?;
    let text = &whole[2..(end + 2).max(2)];
    let mut message = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_prefix(b".").unwrap_or(line);
        message.extend_from_slice(line.strip_suffix(b"\r\n").unwrap_or(line));
        if line.ends_with(b"\r\n") {
            message.push(b'\n');
        }
    }
    Some(message)
}

/// Whether those who take a bare CR for a line end find the same end.
fn all_agree(bytes: &[u8]) -> bool {
    let whole = [b"\r\n", bytes].concat();
    let theirs = whole
        .windows(3)
        .position(|it| matches!(it, [b'\r' | b'\n', b'.', b'\r']));
    let ours = whole.windows(5).position(|it| it == b"\r\n.\r\n");
    theirs == ours.map(|at| at + 1)
}

proptest! {
    #[test]
    fn a_message_ends_where_the_model_says(
        text in proptest::collection::vec(
            proptest::sample::select(
                vec![&b"\r\n"[..], b".", b"a", b"\r", b"\r\n.", b"x\r\n"]),
            0..12),
        cut in 0usize..40,
    ) {
        let bytes = [text.concat(), b"\r\n.\r\n".to_vec()].concat();
        let bytes: Vec<u8> = bytes;
        let bare = bytes.iter().enumerate().any(|(at, byte)| {
            *byte == b'\n' && (at == 0 || bytes[at - 1] != b'\r')
        });
        prop_assume!(!bare);
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let (mut reader, mut message) = (Reader::default(), Vec::new());
        let (mut found, _) = reader.read(first, &mut message);
        if found == Found::More {
            (found, _) = reader.read(second, &mut message);
        }
        if all_agree(&bytes) {
            prop_assert_eq!(found, Found::End);
            prop_assert_eq!(Some(message), model(&bytes));
        } else {
            prop_assert_eq!(found, Found::StrayDot);
        }
    }

    #[test]
    fn no_bytes_are_a_reason_to_panic(bytes: Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all().build().unwrap();
        runtime.block_on(async {
            Stage::new("").play([BEGINNING, b"DATA\r\n", &bytes]).await;
            Stage::new("").play([&bytes]).await;
        });
    }
}
