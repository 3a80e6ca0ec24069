//! What the tests of the host have in common.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::Path;
use std::sync::{Arc, PoisonError};

use ra_plugins::frozen::Frozen;
use ra_plugins::host::chain::Chain;
use ra_plugins::host::conversation::{Conversation, House};
use ra_plugins::host::deliver::Envelope;
use ra_plugins::host::journal::{Journal, Notebook};
use ra_plugins::host::policy::{Domains, Policy};
use ra_plugins::host::script::{Outbox, Script};
use ra_plugins::host::smtpd::Ended;
use ra_plugins::registry::PLUGINS;
use ra_plugins::session::Session;

/// A server for one session, while it is being set up.
pub(crate) struct Stage {
    pub(crate) house: House,
    pub(crate) session: Session,
    pub(crate) notebook: Arc<Notebook>,
    pub(crate) outbox: Outbox,
}

/// What a session came to.
pub(crate) struct Played {
    /// What the server said, all of it.
    pub(crate) said: String,
    pub(crate) ended: Ended,
    pub(crate) log: Vec<String>,
    pub(crate) taken: Vec<(Envelope, Vec<u8>)>,
}

impl Stage {
    /// A server with these plugins that takes mail for example.org.
    pub(crate) fn new(smtpplugins: &str) -> Self {
        let notebook = Arc::new(Notebook::default());
        let journal: Arc<dyn Journal> = notebook.clone();
        let outbox = Outbox::default();
        let domains = Domains::These(vec!["example.org".to_owned()]);
        let mut house = House::new(
            Frozen::new().world(),
            Policy::new("mx.example.org", domains),
            Chain::parse(smtpplugins.as_bytes(), PLUGINS),
            Box::new(outbox.clone()),
            journal,
        );
        house.folder = Path::new("/").to_owned();
        let session = Session::new(7)
            .with("PATH", &std::env::var("PATH").unwrap())
            .with("TCPREMOTEIP", "192.0.2.9");
        Self { house, session, notebook, outbox }
    }

    /// Lets a client say these things, one write each.
    pub(crate) async fn play<T: AsRef<[u8]>>(
        self,
        turns: impl IntoIterator<Item = T>,
    ) -> Played {
        let turns: Vec<_> =
            turns.into_iter().map(|turn| turn.as_ref().to_vec()).collect();
        let (script, heard) = Script::new(turns);
        let house = Arc::new(self.house);
        let ended = Conversation::new(house, script, self.session).hold().await;
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let said = heard.turns.concat();
        Played {
            said: String::from_utf8_lossy(&said).into_owned(),
            ended,
            log: self.notebook.log_lines(),
            taken: self.outbox.taken(),
        }
    }
}

impl Played {
    /// The codes of all replies, one after the other.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let lines = self.said.lines();
        let last = lines.filter(|line| line.get(3..4) == Some(" "));
        last.filter_map(|line| line.get(..3)).collect()
    }

    /// The codes behind the greeting and the answer to a first EHLO, MAIL
    /// and RCPT.
    pub(crate) fn later_codes(&self) -> Vec<&str> {
        self.codes().split_off(4)
    }
}

/// The beginning of a session, up to the first recipient.
pub(crate) const BEGINNING: &[u8] = b"EHLO client.example.com\r\n\
    MAIL FROM:<a@b.example>\r\nRCPT TO:<joe@example.org>\r\n";
