//! Passwords and encryption.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

mod common;

use std::collections::HashSet;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use common::Stage;
use rcgen::generate_simple_self_signed;
use rstest::rstest;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader,
    DuplexStream,
};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use ra_plugins::host::auth::{self, AT_ONCE, Users};
use ra_plugins::host::conversation::Conversation;
use ra_plugins::host::journal::Notebook;
use ra_plugins::host::smtpd::Ended;
use ra_plugins::host::tls::acceptor;

/// joe's line: argon2 with little work, for the tests' sake.
fn users() -> Arc<Users> {
    // The two crypt lines come from `openssl passwd -6` and `-5`.
    let file = format!(
        "# users\n{}\nold:{}:19000:0:99999:7:::\nolder:{}\n",
        auth::line("joe", "secret").unwrap(),
        SHA512,
        SHA256,
    );
    Arc::new(Users::parse(&file))
}

/// `openssl passwd -6 -salt saltsalt secret`
const SHA512: &str = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiN\
    uHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1";

/// `openssl passwd -5 -salt saltsalt secret`
const SHA256: &str = "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA";

/// A message of PLAIN.
fn plain(text: &str) -> String {
    format!("AUTH PLAIN {}", Base64::encode_string(text.as_bytes()))
}

/// Plays a session with users, in the clear.
async fn play(lines: &[&str]) -> common::Played {
    let mut stage = Stage::new("[auth]\nauthlogger\n");
    stage.house.users = users();
    stage.house.clear_passwords = true;
    let turns: Vec<_> =
        lines.iter().map(|line| format!("{line}\r\n")).collect();
    stage.play(turns).await
}

#[rstest]
#[case::right("\0joe\0secret", "235")]
#[case::for_himself("joe\0joe\0secret", "235")]
#[case::crypt_512("\0old\0secret", "235")]
#[case::crypt_256("\0older\0secret", "235")]
#[case::wrong("\0joe\0Secret", "535")]
#[case::crypt_wrong("\0old\0Secret", "535")]
#[case::nobody("\0jane\0secret", "535")]
#[case::for_another("jane\0joe\0secret", "501")]
#[case::too_few("\0joe", "501")]
#[case::too_many("\0joe\0secret\0", "501")]
#[tokio::test]
async fn plain_at_once(#[case] text: &str, #[case] code: &str) {
    let played = play(&[&plain(text), "QUIT"]).await;
    assert_eq!(played.codes(), ["220", code, "221"]);
}

#[rstest]
#[case::plain(&["AUTH PLAIN", "AGpvZQBzZWNyZXQ="], &["334", "235"])]
#[case::login(&["AUTH LOGIN", "am9l", "c2VjcmV0"], &["334", "334", "235"])]
#[case::login_at_once(&["auth login am9l", "c2VjcmV0"], &["334", "235"])]
#[case::cancelled(&["AUTH LOGIN", "*"], &["334", "501"])]
#[case::not_base64(&["AUTH PLAIN", "not base64!"], &["334", "501"])]
#[case::not_utf8(&["AUTH PLAIN AP8A/w=="], &["501"])]
#[case::empty_response(&["AUTH PLAIN ="], &["501"])]
#[case::other(&["AUTH CRAM-MD5"], &["504"])]
#[case::none(&["AUTH"], &["504"])]
#[case::twice(&["AUTH PLAIN AGpvZQBzZWNyZXQ=", "AUTH LOGIN"], &["235", "503"])]
#[case::within_a_message(&["MAIL FROM:<a@b>", "AUTH LOGIN"], &["250", "503"])]
#[case::three_wrong(
    &["AUTH PLAIN AGEAYg==", "AUTH PLAIN AGEAYg==", "AUTH PLAIN AGEAYg=="],
    &["535", "535", "421"]
)]
#[tokio::test]
async fn an_exchange(#[case] lines: &[&str], #[case] codes: &[&str]) {
    assert_eq!(play(lines).await.codes()[1..], *codes);
}

/// Whoever bans those who guess has to know whom, and no name that is tried
/// may look like another line.
#[tokio::test]
async fn the_log_says_who_tried_a_wrong_password() {
    let played = play(&[&plain("\0joe\nroot\0guess")]).await;
    let line = "smtpd: pid 7 - login failed for joe?root (192.0.2.9)";
    assert_eq!(played.log[0], line);
}

#[tokio::test]
async fn a_long_response_may_come_with_the_command() {
    let joe = "x".repeat(5_000);
    let played = play(&[&plain(&format!("\0{joe}\0secret")), "QUIT"]).await;
    assert_eq!(played.codes(), ["220", "535", "221"]);
}

#[tokio::test]
async fn an_endless_response_is_no_response() {
    let endless = "x".repeat(20_000);
    let played = play(&["AUTH PLAIN", &endless, "QUIT"]).await;
    assert_eq!(played.codes(), ["220", "334", "501", "221"]);
}

#[tokio::test]
async fn whoever_has_logged_in_may_write_to_everybody() {
    let played = play(&[
        "EHLO x",
        &plain("\0joe\0secret"),
        "MAIL FROM:<joe@example.org>",
        "RCPT TO:<x@other.example>",
        "DATA",
        "hi\r\n.",
        "QUIT",
    ])
    .await;
    assert_eq!(played.codes()[3..], ["250", "250", "354", "250", "221"]);
    assert_eq!(played.log[0], "authlogger: pid 7 - authenticated as joe");
    let message = String::from_utf8_lossy(&played.taken[0].1);
    assert!(message.contains(" with ESMTPA; "), "{message}");
}

#[tokio::test]
async fn a_login_that_plugins_refuse_is_none() {
    let mut stage = Stage::new("[auth]\n:echo E535 not today\n");
    stage.house.users = users();
    stage.house.clear_passwords = true;
    let login = plain("\0joe\0secret") + "\r\n";
    let rest = "MAIL FROM:<a@b>\r\nRCPT TO:<x@other.example>\r\n";
    let played = stage.play([&login, rest]).await;
    assert_eq!(played.codes()[..4], ["220", "535", "250", "553"]);
}

#[tokio::test]
async fn strangers_do_not_send_passwords_in_the_clear() {
    let mut stage = Stage::new("");
    stage.house.users = users();
    let login = plain("\0joe\0secret") + "\r\n";
    let played = stage.play(["EHLO x\r\n", &login]).await;
    assert!(!played.said.contains("AUTH"), "{}", played.said);
    assert_eq!(played.codes()[2], "530");
}

/// Names that are not there are spread over the hashes that are, the quick
/// ones too.
#[test]
fn a_user_who_is_not_there_costs_as_much_as_one_who_is() {
    let users = users();
    let of = |user: &str| users.hash_for(user).unwrap().to_owned();
    let nobodies = ('a'..='z').map(|letter| of(&format!("no-{letter}")));
    let nobodies: HashSet<String> = nobodies.collect();
    let ours = ["joe", "old", "older"].map(of);
    assert_eq!(nobodies, HashSet::from(ours));
    assert_eq!(of("no-a"), of("no-a"));
    assert_eq!(Users::default().hash_for("joe"), None);
}

#[tokio::test(start_paused = true)]
async fn a_password_whose_turn_does_not_come_is_for_later() {
    let mut stage = Stage::new("[auth]\nauthlogger\n");
    stage.house.users = users();
    stage.house.clear_passwords = true;
    let turns = Arc::clone(&stage.house.users.turns);
    let _busy =
        turns.try_acquire_many(u32::try_from(AT_ONCE).unwrap()).unwrap();
    let login = plain("\0joe\0secret") + "\r\n";
    let played = stage.play(vec![login, "QUIT\r\n".to_owned()]).await;
    assert_eq!(played.codes(), ["220", "454", "221"]);
}

#[tokio::test]
async fn somebody_elses_password_lets_nobody_in() {
    for name in 'a'..='z' {
        let played = play(&[&plain(&format!("\0no-{name}\0secret"))]).await;
        assert_eq!(played.codes().last(), Some(&"535"));
    }
}

/// A server with a certificate, and a client that trusts it.
struct Encrypted {
    client: BufReader<DuplexStream>,
    connector: TlsConnector,
    held: JoinHandle<Ended>,
    notebook: Arc<Notebook>,
}

impl Encrypted {
    /// Starts both.
    fn start(smtpplugins: &str) -> Self {
        let made = generate_simple_self_signed(["mx.example.org".to_owned()]);
        let made = made.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) =
            (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let mut stage = Stage::new(smtpplugins);
        stage.house.users = users();
        stage.house.tls = Some(acceptor(&certificate, &key).unwrap());
        let (client, server) = tokio::io::duplex(64 * 1024);
        let house = Arc::new(stage.house);
        let conversation = Conversation::new(house, server, stage.session);
        let connector = trusting(made.cert.der());
        Self {
            client: BufReader::new(client),
            connector,
            held: tokio::spawn(conversation.hold()),
            notebook: stage.notebook,
        }
    }
}

/// A client that trusts one certificate.
fn trusting(certificate: &CertificateDer<'_>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone().into_owned()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// Sends bytes and reads one reply, its last line.
async fn ask(
    client: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    said: &[u8],
) -> String {
    client.write_all(said).await.unwrap();
    client.flush().await.unwrap();
    let mut all = String::new();
    loop {
        let mut line = String::new();
        if client.read_line(&mut line).await.unwrap() == 0 {
            return all;
        }
        all += &line;
        if line.get(3..4) != Some("-") {
            return all;
        }
    }
}

#[tokio::test]
async fn after_starttls_everything_begins_anew() {
    let mut it = Encrypted::start(
        "[helo]\n:echo SCOLOUR=$SMTPHELOHOST\n[mail]\n:echo E550 $COLOUR\n",
    );
    ask(&mut it.client, b"").await;
    let offered = ask(&mut it.client, b"EHLO clear\r\n").await;
    assert!(offered.contains("250-STARTTLS"), "{offered}");
    assert!(!offered.contains("AUTH"), "{offered}");
    // What was sent in the same breath was perhaps sent by somebody else.
    let said = b"STARTTLS\r\nEHLO injected\r\nMAIL FROM:<evil@b>\r\n";
    let reply = ask(&mut it.client, said).await;
    assert_eq!(&reply[..3], "220");
    let name = ServerName::try_from("mx.example.org").unwrap();
    let client = it.client.into_inner();
    let client = it.connector.connect(name, client).await.unwrap();
    let mut client = BufReader::new(client);
    // A DATA without MAIL and RCPT: nothing of before is left.
    assert_eq!(&ask(&mut client, b"DATA\r\n").await[..3], "503");
    let mail = ask(&mut client, b"MAIL FROM:<a@b>\r\n").await;
    assert_eq!(mail, "550\r\n", "a variable of the clear is still set");
    let offered = ask(&mut client, b"EHLO x\r\n").await;
    assert!(!offered.contains("STARTTLS"), "{offered}");
    assert!(offered.contains("250-AUTH PLAIN LOGIN"), "{offered}");
    let login = plain("\0joe\0secret") + "\r\n";
    assert_eq!(&ask(&mut client, login.as_bytes()).await[..3], "235");
    assert_eq!(&ask(&mut client, b"STARTTLS\r\n").await[..3], "503");
    assert_eq!(&ask(&mut client, b"QUIT\r\n").await[..3], "221");
    assert_eq!(it.held.await.unwrap(), Ended::Well);
}

#[tokio::test]
async fn a_handshake_that_is_none_ends_the_session() {
    let mut it = Encrypted::start("");
    ask(&mut it.client, b"").await;
    ask(&mut it.client, b"STARTTLS\r\n").await;
    it.client.write_all(b"MAIL FROM:<a@b>\r\n").await.unwrap();
    assert_eq!(it.held.await.unwrap(), Ended::Badly);
    let log = it.notebook.log_lines();
    assert!(log[0].contains("no TLS"), "{log:?}");
}

#[rstest]
#[case::missing("no/such", "no/such")]
#[case::not_pem("Cargo.toml", "Cargo.toml")]
fn without_its_certificate_there_is_no_tls(
    #[case] certificate: &str,
    #[case] key: &str,
) {
    assert!(acceptor(certificate.as_ref(), key.as_ref()).is_err());
}
