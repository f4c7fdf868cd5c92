//! How do connections become requests? HTTP/1 and HTTP/2 on one listener, and whoever connects and does not ask anything, or
//! writes its headers one by one, loses its place: file handles are few, and the store needs some.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::run::until;

/// How long a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until its first request is there.
    pub first: Duration,
    /// Until each further one is there: twice the minute after which most senders come again.
    pub next: Duration,
}

/// Of all listeners.
pub const PATIENCE: Patience = Patience { first: Duration::from_secs(30), next: Duration::from_secs(120) };
/// A peer of HTTP/2 that may have gone is asked this often, and must answer within the same time.
const PING: Duration = Duration::from_secs(30);
/// How long to wait if there is no room for a connection.
const FULL: Duration = Duration::from_secs(1);

/// Answers requests until stopped; what is under way then is answered still.
pub async fn serve(listener: TcpListener, router: Router, patience: Patience, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(most_connections()));
    loop {
        let next = async {
            // Those who wait are in the queue of the kernel.
            let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
            (listener.accept().await, place)
        };
        tokio::select! {
            () = until(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            (accepted, place) = next => match accepted {
                Ok((stream, _)) => {
                    let (router, stopped) = (router.clone(), stopped.clone());
                    connections.spawn(async move {
                        connection(stream, router, patience, stopped).await;
                        drop(place);
                    });
                }
                Err(error) if is_of_the_peer(error.kind()) => {}
                Err(error) => {
                    tracing::error!(%error, "A connection could not be taken.");
                    // Out of file handles, for example: trying at once would spin.
                    tokio::time::sleep(FULL).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Half of the file handles; the rest is for the store and for what we ask of others.
fn most_connections() -> usize {
    let handles = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    usize::try_from(handles.unwrap_or(65_536) / 2).unwrap_or(usize::MAX).clamp(64, 65_536)
}

fn is_of_the_peer(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

async fn connection(stream: TcpStream, router: Router, patience: Patience, mut stopped: watch::Receiver<bool>) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience.next);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PING);
    let has_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&has_asked);
    let service = tower::service_fn(move |request: axum::http::Request<_>| {
        asked.store(true, Ordering::Relaxed);
        answer(router.clone(), request.map(Body::new))
    });
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    let mut first = pin!(tokio::time::sleep(patience.first));
    let (mut is_watched, mut is_stopping) = (true, false);
    loop {
        tokio::select! {
            // What goes wrong on a connection is for its peer to see.
            _ = served.as_mut() => return,
            () = &mut first, if is_watched => {
                is_watched = false;
                if !has_asked.load(Ordering::Relaxed) {
                    return;
                }
            }
            () = until(&mut stopped), if !is_stopping => {
                is_stopping = true;
                served.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn answer(router: Router, request: Request) -> Result<Response, Infallible> {
    router.oneshot(request).await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn started(patience: Patience) -> (std::net::SocketAddr, watch::Sender<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(6)).await;
            "slow"
        };
        let router = Router::new()
            .route("/quick", axum::routing::get(|| async { "quick" }))
            .route("/slow", axum::routing::get(slow));
        tokio::spawn(serve(listener, router, patience, stopped));
        (address, stop)
    }

    /// What comes until the connection is closed.
    async fn said(mut stream: TcpStream) -> String {
        let mut bytes = vec![];
        // A connection that is cut off is closed as well.
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Guarantees: MUST 880 of docs/specs/ingest.md.
    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_asks_nothing_loses_its_place() {
        let short = Duration::from_millis(300);
        let (address, _stop) = started(Patience { first: short, next: short }).await;
        for begin in ["", "GET /quick HTTP/1.1\r\nHost: a\r\nX-Slow: ", "PRI * HTTP/2.0\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begin.as_bytes()).await.unwrap();
            assert!(!said(stream).await.contains("200 OK"), "{begin}");
        }
    }

    /// Guarantees: an answer may take longer than a question, and a connection waits for the next question.
    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_has_asked_is_answered() {
        let patience = Patience { first: Duration::from_secs(5), next: Duration::from_secs(60) };
        let (address, stop) = started(patience).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 4096];
        let mut length = 0;
        while !answer[..length].ends_with(b"slow") {
            let read = stream.read(&mut answer[length..]).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
            length += read;
        }
        stream.write_all(b"GET /quick HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut answer).await.unwrap() > 0);
        // Told to stop, it closes what waits for nothing.
        stop.send(true).unwrap();
        said(stream).await;
    }
}
