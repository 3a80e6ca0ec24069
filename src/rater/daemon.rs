//! The daemon as a process: its sockets, its signals, its end.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use sd_notify::NotifyState;
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;

use crate::rater::address::Address;
use crate::rater::clock::Clock;
use crate::rater::config::{Config, ConfigError, Settings};
use crate::rater::control::{self, Control};
use crate::rater::listener::{Listener, ORDERS, QUESTIONS};
use crate::rater::log::{Level, Log};
use crate::rater::server::{self, Service};
use crate::rater::shared::Shared;
use crate::rater::state::State;
use crate::rater::store::Store;

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
    let Config { settings: started, rules } =
        Config::read(config_file.as_deref())?;
    let mut settings = started.clone();
    if !listen.is_empty() {
        settings.listen = listen;
    }
    let log = Log::new(settings.log);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut made = Made::default();
    let (signals, sockets) = runtime.block_on(async {
        Ok::<_, DaemonError>((Signals::listen()?, made.open(&settings, &log)?))
    })?;
    let store = Mutex::new(Store::new(settings.max_keys.get()));
    let path = settings.state.as_deref();
    let (state, newest) = State::open(path, &store, &rules, &log);
    let service = Arc::new(Service {
        rules: RwLock::new(rules),
        store,
        shared: settings.store.as_deref().map(Shared::new).transpose()?,
        clock: Clock::set(newest),
        answers: Default::default(),
        log,
    });
    let keeper = keep(Arc::clone(&service), state)?;
    let control = Control { service, config: config_file, started };
    runtime.block_on(attend(Arc::new(control), sockets, signals));
    runtime.shutdown_timeout(TICK);
    keeper.end();
    Ok(())
}

/// What an administrator's `kill` can say.
struct Signals {
    /// Read the configuration again.
    hangup: Signal,
    /// End.
    terminate: Signal,
    /// End, from a keyboard.
    interrupt: Signal,
}

impl Signals {
    /// From here on a signal waits for us instead of killing the process.
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

/// What is open.
struct Sockets {
    /// To clients.
    questions: Vec<Listener>,
    /// To the administrator.
    orders: Option<Listener>,
}

/// The paths of the sockets that we have made. They go when the daemon does,
/// so that nobody knocks in vain; those of somebody else stay.
#[derive(Default)]
struct Made(Vec<PathBuf>);

impl Made {
    /// Opens all sockets, but for those that systemd has opened.
    fn open(
        &mut self,
        settings: &Settings,
        log: &Log,
    ) -> Result<Sockets, DaemonError> {
        let mut questions = Listener::inherited()?;
        if questions.is_empty() {
            for address in &settings.listen {
                questions.push(self.listen(address, QUESTIONS, log)?);
            }
        }
        let orders = settings.control.as_ref();
        let orders =
            orders.map(|it| self.listen(it, ORDERS, log)).transpose()?;
        Ok(Sockets { questions, orders })
    }

    /// Opens one.
    fn listen(
        &mut self,
        address: &Address,
        mode: u32,
        log: &Log,
    ) -> Result<Listener, DaemonError> {
        let opened = Listener::open(address, mode).map_err(|error| {
            DaemonError::Listen { address: address.clone(), error }
        })?;
        if let Address::Unix(path) = address {
            self.0.push(path.clone());
        }
        log.write(Level::Info, format!("listening on {address}"));
        Ok(opened)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in &self.0 {
            _ = std::fs::remove_file(path);
        }
    }
}

/// Answers clients and the administrator until a signal says that it is
/// enough.
async fn attend(control: Arc<Control>, sockets: Sockets, signals: Signals) {
    let service = &control.service;
    let mut tasks = JoinSet::new();
    for listener in sockets.questions {
        tasks.spawn(server::serve(listener, Arc::clone(service)));
    }
    if let Some(listener) = sockets.orders {
        tasks.spawn(control::serve(listener, Arc::clone(&control)));
    }
    let sharing = Arc::clone(service);
    tasks.spawn(async move {
        if let Some(shared) = &sharing.shared {
            shared.attend(sharing.clock, &sharing.log).await;
        }
    });
    _ = sd_notify::notify(&[NotifyState::Ready]);
    let Signals { mut hangup, mut terminate, mut interrupt } = signals;
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                let control = Arc::clone(&control);
                spawn_blocking(move || control.reload());
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    _ = sd_notify::notify(&[NotifyState::Stopping]);
    service.log.write(Level::Info, "stopping");
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
            Store::sweep(&service.store, service.clock.at(Instant::now()));
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
