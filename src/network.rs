//! The way to other people's servers.
//!
//! Only one plugin goes there, and its tests do not want to: so connecting
//! is a port like any other.
//!
//! ```
//! use ra_plugins::network::{Network, Tcp};
//!
//! let runtime = tokio::runtime::Builder::new_current_thread()
//!     .enable_io()
//!     .build()
//!     .unwrap();
//! let nobody = "127.0.0.1:1".parse().unwrap();
//! assert!(runtime.block_on(Tcp.connect(nobody)).is_err());
//! ```

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

/// Bytes to and from another machine.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Something that a port may take its time over.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Waits until there is a runtime, for whatever has to wait in one: the
/// first line of every real port. A plugin that gets by without these ports
/// is done before anybody has built a runtime for it.
pub async fn runtime() {
    poll_fn(|context| match Handle::try_current() {
        Ok(_) => Poll::Ready(()),
        Err(_) => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// A connection, or the wait for it.
pub type Connecting<'a> = Waiting<'a, io::Result<Box<dyn Connection>>>;

/// The port to other machines.
pub trait Network: Send + Sync {
    /// Connects to an address. How long that may take is the caller's
    /// business.
    fn connect(&self, address: SocketAddr) -> Connecting<'_>;
}

/// The machine's own network.
pub struct Tcp;

impl Network for Tcp {
    fn connect(&self, address: SocketAddr) -> Connecting<'_> {
        Box::pin(async move {
            runtime().await;
            let stream = TcpStream::connect(address).await?;
            Ok(Box::new(stream) as Box<dyn Connection>)
        })
    }
}
