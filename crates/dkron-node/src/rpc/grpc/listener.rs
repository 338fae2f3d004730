//! The accepting side: sockets, how many, and for how long without a word.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::complaints::Complaints;
use super::connection::{Connection, Shared};
use super::identity::Identity;
use super::thread::IoThread;
use super::{
    CONNECTION_WINDOW, CONNECTIONS_MAX, GREETING_PATIENCE, KEEP_ALIVE, KEEP_ALIVE_PATIENCE,
    STREAM_WINDOW, STREAMS_MAX, service,
};
use crate::rpc::Router;

/// After an accept that failed, mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// At the end answers that are under way may still go out.
const FAREWELL: Duration = Duration::from_secs(1);
/// LIMIT: calls that were given up before they were looked at; a thawed process finds many.
const GIVEN_UP_MAX: usize = 4096;

/// A bound socket that nobody listens to yet.
pub struct Listener {
    socket: std::net::TcpListener,
}

impl Listener {
    /// Port 0 is any.
    pub fn bind(address: SocketAddr) -> io::Result<Listener> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Listener { socket })
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until `shutdown`; the handle ends when the last connection has. To be called
    /// within the runtime in which streams shall be served.
    pub fn serve(
        self,
        thread: &IoThread,
        identity: Arc<Identity>,
        router: Router,
        shutdown: CancellationToken,
    ) -> io::Result<JoinHandle<()>> {
        let streams = Handle::current();
        let shared =
            Arc::new(Shared { own: identity, router, complaints: Complaints::default(), streams });
        let within = thread.handle().enter();
        let socket = TcpListener::from_std(self.socket)?;
        drop(within);
        Ok(thread.handle().spawn(accept(socket, shared, shutdown)))
    }
}

async fn accept(socket: TcpListener, shared: Arc<Shared>, shutdown: CancellationToken) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await.expect("it is never closed");
            (socket.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let (shared, shutdown) = (Arc::clone(&shared), shutdown.clone());
                connections.spawn(async move {
                    serve(stream, address, shared, shutdown).await;
                    drop(place);
                });
            }
            Err(err) => {
                tracing::warn!(%err, "rpc: failed to accept a connection");
                sleep(PAUSE).await;
            }
        }
    }
    drop(socket);
    connections.close();
    connections.wait().await;
}

async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    shared: Arc<Shared>,
    shutdown: CancellationToken,
) {
    if let Err(err) = stream.set_nodelay(true) {
        tracing::debug!(%address, %err, "rpc: a connection broke at once");
        return;
    }
    let connection = Arc::new(Connection::new(shared, address));
    let serving = Arc::clone(&connection);
    let service = service_fn(move |request| {
        let connection = Arc::clone(&serving);
        async move { Ok::<_, std::convert::Infallible>(service::answer(connection, request).await) }
    });
    let mut served = pin!(
        Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(STREAMS_MAX)
            .max_pending_accept_reset_streams(GIVEN_UP_MAX)
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_PATIENCE)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = served.as_mut() => Some(ended),
        () = given_up(&connection) => None,
        () = shutdown.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            timeout(FAREWELL, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(err) = ended {
        tracing::debug!(%address, %err, "rpc: a connection broke");
    }
}

/// Resolves when the other side was refused or did not say in time who it is.
async fn given_up(connection: &Connection) {
    let greeted = async {
        while !connection.is_known() && !connection.is_over() {
            connection.changed.notified().await;
        }
    };
    if timeout(GREETING_PATIENCE, greeted).await.is_err() || connection.is_over() {
        return;
    }
    loop {
        connection.changed.notified().await;
        if connection.is_over() {
            return;
        }
    }
}
