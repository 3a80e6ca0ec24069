//! The daemon as a process: its sockets, its signals, its end.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use thiserror::Error;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::rater::address::Address;
use crate::rater::clock::Clock;
use crate::rater::config::{Config, ConfigError, Settings};
use crate::rater::control::{self, Control};
use crate::rater::log::{Level, Log};
use crate::rater::server::{self, Listener, Service};
use crate::rater::shared::Shared;
use crate::rater::state::State;
use crate::rater::store::Store;

/// Who may ask: everybody who gets as far as the socket.
const QUESTIONS: u32 = 0o666;

/// Who may give orders: the owner.
const ORDERS: u32 = 0o600;

/// How often marks go to disk and idle keys are looked for. A kill loses
/// what came since.
const TICK: Duration = Duration::from_millis(250);

/// Why there is no daemon.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: Address,
        /// What the system said.
        error: io::Error,
    },
    /// The shared store has no such URL.
    #[error("store: {0}")]
    Store(#[from] redis::RedisError),
    /// The system does not give us what we need.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Runs until somebody ends it. Addresses given here take the place of
/// those in the configuration.
pub fn run(
    config_file: Option<PathBuf>,
    listen: Vec<Address>,
) -> Result<(), DaemonError> {
    let config = Config::read(config_file.as_deref())?;
    let mut settings = config.settings.clone();
    if !listen.is_empty() {
        settings.listen = listen;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let log = Log::new(settings.log);
    let store = Store::new(settings.max_keys);
    let (state, newest) = State::open(settings.state.as_deref(), &store, &log);
    let service = Arc::new(Service {
        rules: RwLock::new(Arc::new(config.rules)),
        store,
        shared: settings.store.as_deref().map(Shared::new).transpose()?,
        clock: Clock::set(newest),
        answers: Default::default(),
        log,
    });
    let keeper = keep(Arc::clone(&service), state)?;
    let control = Control { service, config: config_file };
    let ended = runtime.block_on(attend(Arc::new(control), &settings));
    runtime.shutdown_timeout(TICK);
    keeper.end();
    remove_sockets(&settings);
    ended
}

/// Opens the sockets, and waits for signals.
async fn attend(
    control: Arc<Control>,
    settings: &Settings,
) -> Result<(), DaemonError> {
    let service = &control.service;
    let mut tasks = JoinSet::new();
    let mut listeners = inherited()?;
    if listeners.is_empty() {
        for address in &settings.listen {
            listeners.push(open(address, QUESTIONS)?);
        }
    }
    for listener in listeners {
        tasks.spawn(server::serve(listener, Arc::clone(service)));
    }
    if let Some(address) = &settings.control {
        let listener = open(address, ORDERS)?;
        tasks.spawn(control::serve(listener, Arc::clone(&control)));
    }
    let sharing = Arc::clone(service);
    tasks.spawn(async move {
        if let Some(shared) = &sharing.shared {
            shared.attend(sharing.clock, &sharing.log).await;
        }
    });
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    for address in &settings.listen {
        service.log.write(Level::Info, format!("listening on {address}"));
    }
    _ = sd_notify::notify(&[NotifyState::Ready]);
    loop {
        tokio::select! {
            _ = hangup.recv() => { _ = control.reload(); }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    _ = sd_notify::notify(&[NotifyState::Stopping]);
    service.log.write(Level::Info, "stopping");
    Ok(())
}

/// The sockets that systemd has opened for us (`LISTEN_FDS`).
fn inherited() -> io::Result<Vec<Listener>> {
    let mut given = ListenFd::from_env();
    let mut listeners = Vec::new();
    for place in 0..given.len() {
        if let Ok(Some(listener)) = given.take_tcp_listener(place) {
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            listeners.push(Listener::Tcp(listener));
        } else if let Some(listener) = given.take_unix_listener(place)? {
            listener.set_nonblocking(true)?;
            let listener = UnixListener::from_std(listener)?;
            listeners.push(Listener::Unix(listener));
        }
    }
    Ok(listeners)
}

/// Listens on an address. What a rater that was killed has left on the path
/// is in the way and goes; where somebody answers, it stays.
fn open(address: &Address, mode: u32) -> Result<Listener, DaemonError> {
    let listener = match address {
        Address::Tcp(address) => bind(*address).map(Listener::Tcp),
        Address::Unix(path) => {
            if is_left_over(path) {
                _ = std::fs::remove_file(path);
            }
            UnixListener::bind(path).and_then(|listener| {
                let mode = Permissions::from_mode(mode);
                std::fs::set_permissions(path, mode)?;
                Ok(Listener::Unix(listener))
            })
        }
    };
    listener.map_err(|error| {
        let address = address.clone();
        DaemonError::Listen { address, error }
    })
}

/// Listens on an address of TCP, with a long queue: one question a
/// connection makes many connections.
fn bind(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let socket = match address.is_ipv4() {
        true => tokio::net::TcpSocket::new_v4()?,
        false => tokio::net::TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

/// Whether a path is a socket that nobody answers.
fn is_left_over(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path)
        .is_ok_and(|found| found.file_type().is_socket());
    is_socket
        && UnixStream::connect(path).is_err_and(|error| {
            error.kind() == io::ErrorKind::ConnectionRefused
        })
}

/// Takes our sockets away again.
fn remove_sockets(settings: &Settings) {
    for address in settings.listen.iter().chain(&settings.control) {
        if let Address::Unix(path) = address {
            _ = std::fs::remove_file(path);
        }
    }
}

/// The thread that keeps house.
struct Keeper {
    end: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

/// Starts the thread: marks to disk, idle keys out.
fn keep(service: Arc<Service>, mut state: State) -> io::Result<Keeper> {
    let (end, ended) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("keeper".to_owned());
    let thread = thread.spawn(move || {
        while ended.recv_timeout(TICK).is_err() {
            state.flush(&service.store, &service.log);
            service.store.sweep(service.clock.at(Instant::now()));
        }
        state.flush(&service.store, &service.log);
        state.sync();
    })?;
    Ok(Keeper { end, thread })
}

impl Keeper {
    /// Ends the thread after a last round.
    fn end(self) {
        _ = self.end.send(());
        _ = self.thread.join();
    }
}
