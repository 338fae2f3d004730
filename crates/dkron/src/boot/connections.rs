//! The door's connections: a bounded number of them, each served until it ends or the door closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::socket::Socket;
use crate::rest::Peer;

/// Connections open at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 8192;
/// A client has this long for the head of a request.
const HEAD: Duration = Duration::from_secs(30);
/// After a failed accept, e.g. for want of file descriptors.
const CALM: Duration = Duration::from_millis(50);

/// Serves until `closing` becomes true, then lets requests in flight end.
pub async fn serve(listener: TcpListener, router: Router, mut closing: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // An error means that the sender is gone, which is the end too.
            _ = closing.wait_for(|closing| *closing) => break,
        };
        let stream = match accepted {
            Ok(accepted) => accepted,
            Err(err) => {
                tracing::warn!(%err, "rest: a connection could not be accepted");
                tokio::time::sleep(CALM).await;
                continue;
            }
        };
        let connection = graceful.watch(connection(stream, router.clone(), closing.clone()));
        tokio::spawn(async move {
            // A client that breaks off is its own business.
            let _ = connection.await;
            drop(place);
        });
    }
    graceful.shutdown().await;
}

type Connection = http1::Connection<TokioIo<Socket>, Told>;

/// The router, told of each request who makes it.
struct Told {
    router: TowerToHyperService<Router>,
    peer: Peer,
}

impl Service<Request<Incoming>> for Told {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer.clone());
        self.router.call(request)
    }
}

fn connection(
    (stream, addr): (TcpStream, SocketAddr),
    router: Router,
    closing: watch::Receiver<bool>,
) -> Connection {
    let socket = Socket::new(stream);
    let peer = Peer { addr, closing, socket: Arc::clone(&socket.0) };
    let told = Told { router: TowerToHyperService::new(router), peer };
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        // Who has said all and only listens gets its answer.
        .half_close(true)
        .serve_connection(TokioIo::new(socket), told)
}
