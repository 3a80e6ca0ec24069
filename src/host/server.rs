//! The server: many sessions at once, none of which can harm another.
//!
//! Each session is a task of its own. There is a limit to how many there
//! are, and to how many one address may have; beyond it a client is told to
//! come back. Told to stop, the server lets messages that are on their way
//! arrive.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::host::conversation::{Conversation, House, REFUSED};
use crate::host::login::{NO_TLS, WRONG};
use crate::host::policy::RELAYCLIENT;
use crate::host::process::{NOT_RUN, TOO_MUCH, TOO_SLOW};
use crate::host::section::{CANNOT_EXECUTE, CRASHED};
use crate::host::smtpd::BROKE_OFF;
use crate::host::transaction::{NOT_DELIVERED, TAKEN};
use crate::plugin::Message;
use crate::session::Session;

/// How much a server does at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Sessions.
    pub sessions: usize,
    /// Sessions of one address; of an IPv6 client, of its /64.
    pub of_one_address: usize,
    /// How long a session that is in the midst of a message may go on when
    /// the server stops.
    pub grace: Duration,
}

impl Default for Capacity {
    fn default() -> Self {
        let grace = Duration::from_secs(20);
        Self { sessions: 100, of_one_address: 20, grace }
    }
}

/// Said when a client has to come back.
const FULL: Message = Message::log("too many sessions, {ip} turned away");

/// Said when the system will not give us another connection, though not
/// every time.
const NO_ACCEPT: Message = Message::log("cannot accept: {error}");

/// Everything that the server says by itself and does not only answer: for
/// whoever has to read its log.
pub const MESSAGES: &[Message] = &[
    TAKEN,
    NOT_DELIVERED,
    REFUSED,
    WRONG,
    NO_TLS,
    BROKE_OFF,
    FULL,
    NO_ACCEPT,
    TOO_SLOW,
    TOO_MUCH,
    NOT_RUN,
    CANNOT_EXECUTE,
    CRASHED,
];

/// What a client is told that has to come back.
const COME_BACK: &[u8] =
    b"421 too many sessions, please come back (#4.3.2)\r\n";

/// How long we wait after the system has refused us a connection: it is out
/// of something, and asking at once would only make that worse.
const BREATH: Duration = Duration::from_millis(200);

/// How often that is logged.
const COMPLAINTS: Duration = Duration::from_secs(10);

/// Who is here, by [`household`].
type Guests = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// What one client cannot leave by taking another address. An IPv6 client is
/// given a /64 to choose from (RFC 6177 2), and can have a new address for
/// each connection.
pub fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()
        }
    }
}

/// A place in the server; it is free again when this is dropped.
struct Place {
    guests: Guests,
    household: IpAddr,
}

impl Place {
    /// Takes a place, if there is one. Whoever gets none leaves no trace.
    fn take(guests: &Guests, ip: IpAddr, capacity: Capacity) -> Option<Self> {
        let household = household(ip);
        let mut here = lock(guests);
        let all: usize = here.values().sum();
        let own = here.get(&household).copied().unwrap_or_default();
        if all >= capacity.sessions || own >= capacity.of_one_address {
            return None;
        }
        here.insert(household, own + 1);
        Some(Self { guests: Arc::clone(guests), household })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut here = lock(&self.guests);
        if let Some(own) = here.get_mut(&self.household) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                here.remove(&self.household);
            }
        }
    }
}

/// The list of guests; it is right even if somebody died with it in hand.
fn lock(guests: &Guests) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    guests.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server that listens.
pub struct Server {
    /// What all its sessions share.
    pub house: Arc<House>,
    /// How much it does at once.
    pub capacity: Capacity,
    /// The variables with which each session begins.
    pub session: Session,
}

impl Server {
    /// A server whose sessions begin with our own environment, without what
    /// would make every client somebody special.
    pub fn new(house: Arc<House>, capacity: Capacity) -> Self {
        let mut session = Session::new(std::process::id());
        for (name, value) in Session::from_environment().variables() {
            let is_of_a_session =
                name.starts_with("SMTP") || name.starts_with("TCP");
            if !is_of_a_session && name != RELAYCLIENT {
                session.set(name, value);
            }
        }
        Self { house, capacity, session }
    }

    /// Serves until `stop` says so, then lets running sessions end.
    pub async fn serve(
        &self,
        listener: TcpListener,
        mut stop: watch::Receiver<bool>,
    ) {
        let guests = Guests::default();
        let mut sessions = JoinSet::new();
        let mut complained = None;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = sessions.join_next(), if !sessions.is_empty() => continue,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((wire, peer)) => {
                    let ip = peer.ip().to_canonical();
                    match Place::take(&guests, ip, self.capacity) {
                        Some(place) => {
                            let conversation =
                                self.conversation(wire, peer, &stop);
                            sessions.spawn(async move {
                                conversation.hold().await;
                                drop(place);
                            });
                        }
                        None => self.turn_away(&wire, ip),
                    }
                }
                Err(error) => {
                    self.complain(&error, &mut complained);
                    sleep(BREATH).await;
                }
            }
        }
        drop(listener);
        let ending = async { while sessions.join_next().await.is_some() {} };
        _ = timeout(self.capacity.grace, ending).await;
    }

    /// A conversation with a client that has just come.
    fn conversation(
        &self,
        wire: TcpStream,
        peer: SocketAddr,
        stop: &watch::Receiver<bool>,
    ) -> Conversation {
        let mut session = self.session.clone();
        session.set("PROTO", "TCP");
        session.set("TCPREMOTEIP", &peer.ip().to_canonical().to_string());
        session.set("TCPREMOTEPORT", &peer.port().to_string());
        if let Ok(local) = wire.local_addr() {
            let ip = local.ip().to_canonical().to_string();
            session.set("TCPLOCALIP", &ip);
            session.set("TCPLOCALPORT", &local.port().to_string());
        }
        // Replies are small and waited for; a failure costs only time.
        _ = wire.set_nodelay(true);
        let house = Arc::clone(&self.house);
        let mut conversation = Conversation::new(house, wire, session);
        conversation.client.stop_when(stop.clone());
        conversation
    }

    /// Tells a client to come back, as far as that is possible without
    /// waiting for it.
    fn turn_away(&self, wire: &TcpStream, ip: IpAddr) {
        _ = wire.try_write(COME_BACK);
        self.log(&FULL, &ip.to_string());
    }

    /// Logs that there are no more connections, now and then.
    fn complain(&self, error: &io::Error, last: &mut Option<Instant>) {
        let now = Instant::now();
        if last.is_none_or(|last| now - last >= COMPLAINTS) {
            *last = Some(now);
            self.log(&NO_ACCEPT, &error.to_string());
        }
    }

    /// Logs something that belongs to no session.
    fn log(&self, message: &Message, argument: &str) {
        let (pid, text) = (self.session.pid(), message.fill(&[argument]));
        self.house.journal.log(&format!("smtpd: pid {pid} - {text}"));
    }
}
