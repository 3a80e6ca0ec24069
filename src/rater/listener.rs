//! Sockets that are open: to clients, or to the administrator.
//!
//! Here the difference between TCP and unix sockets ends: whoever accepts a
//! connection gets a [`Stream`].

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use listenfd::ListenFd;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::rater::address::Address;

/// Who may ask: everybody who gets as far as the socket.
pub const QUESTIONS: u32 = 0o666;

/// Who may give orders: the owner.
pub const ORDERS: u32 = 0o600;

/// What can be read and written.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl Stream for TcpStream {}

impl Stream for UnixStream {}

/// A socket that is open.
#[derive(Debug)]
pub enum Listener {
    /// On an address.
    Tcp(TcpListener),
    /// On a path.
    Unix(UnixListener),
}

impl Listener {
    /// The next who comes.
    pub async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(Box::new(stream))
            }
        }
    }

    /// The sockets that systemd has opened for us (`LISTEN_FDS`).
    pub fn inherited() -> io::Result<Vec<Self>> {
        let mut given = ListenFd::from_env();
        let mut listeners = Vec::new();
        for place in 0..given.len() {
            if let Ok(Some(listener)) = given.take_tcp_listener(place) {
                listener.set_nonblocking(true)?;
                let listener = TcpListener::from_std(listener)?;
                listeners.push(Self::Tcp(listener));
            } else if let Some(listener) = given.take_unix_listener(place)? {
                listener.set_nonblocking(true)?;
                let listener = UnixListener::from_std(listener)?;
                listeners.push(Self::Unix(listener));
            }
        }
        Ok(listeners)
    }

    /// Listens on an address. What a rater that was killed has left on the path
    /// is in the way and goes; where somebody answers, it stays.
    pub fn open(address: &Address, mode: u32) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => bind(*address).map(Self::Tcp),
            Address::Unix(path) => {
                if is_left_over(path) {
                    _ = std::fs::remove_file(path);
                }
                UnixListener::bind(path).and_then(|listener| {
                    let mode = Permissions::from_mode(mode);
                    std::fs::set_permissions(path, mode)?;
                    Ok(Self::Unix(listener))
                })
            }
        }
    }
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
        && std::os::unix::net::UnixStream::connect(path).is_err_and(|error| {
            error.kind() == io::ErrorKind::ConnectionRefused
        })
}
