//! What do other machines say by syslog? Listeners for UDP and TCP, and one writer that hands lines to the sink.
//!
//! UDP knows no acknowledgement and TCP only that of the kernel: what waits in the queue when the process is killed is
//! lost. While the sink is busy TCP senders are made to wait; datagrams that find the queue full are counted.

mod frame;
mod message;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc, watch};
use tracing::{debug, info, warn};

use signal::{Clock, LogRecord};

use crate::{Config, Counts, ErrorKind, Problems, Reason, Refused, Sink, Source, SyslogConfig};
pub(crate) use frame::Framer;
pub use message::{Arrival, decode};

/// Lines that may wait for the sink.
const QUEUE: usize = 10_000;
/// Lines in one batch.
const BATCH: usize = 1000;
/// The largest datagram there is.
const DATAGRAM: usize = 65_535;
/// How long to wait after the sink has failed.
const FAILED_WAIT: Duration = Duration::from_secs(2);

/// Takes the addresses. An error names the one that cannot be had.
pub async fn bind_syslog(config: &SyslogConfig) -> std::io::Result<SyslogSockets> {
    let named = |what: &str, address: SocketAddr, error: std::io::Error| {
        std::io::Error::new(error.kind(), format!("cannot listen for syslog on {what} {address}: {error}"))
    };
    let udp = match config.udp {
        None => None,
        Some(address) => Some(UdpSocket::bind(address).await.map_err(|error| named("UDP", address, error))?),
    };
    let tcp = match config.tcp {
        None => None,
        Some(address) => Some(TcpListener::bind(address).await.map_err(|error| named("TCP", address, error))?),
    };
    for (what, address) in
        [("UDP", udp.as_ref().map(UdpSocket::local_addr)), ("TCP", tcp.as_ref().map(TcpListener::local_addr))]
    {
        if let Some(Ok(address)) = address {
            info!(%address, "Listening for syslog on {what}.");
        }
    }
    Ok(SyslogSockets { udp, tcp })
}

/// Addresses that are taken.
#[derive(Debug)]
pub struct SyslogSockets {
    /// Where datagrams come.
    pub udp: Option<UdpSocket>,
    /// Where connections come.
    pub tcp: Option<TcpListener>,
}

/// Takes messages until `shutdown` becomes true; what has come by then is handed over.
pub async fn syslog(
    sockets: SyslogSockets,
    config: SyslogConfig,
    limits: Config,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    shutdown: watch::Receiver<bool>,
) {
    let (queue, waiting) = mpsc::channel(QUEUE);
    let SyslogSockets { udp, tcp } = sockets;
    let receiver = Arc::new(Receiver { config, limits, clock, counts: Arc::clone(&counts), queue });
    let listen = {
        let shutdown = shutdown.clone();
        async move {
            let datagrams = async {
                match udp {
                    Some(socket) => receiver.datagrams(&socket).await,
                    None => std::future::pending().await,
                }
            };
            let connections = async {
                match tcp {
                    Some(listener) => Arc::clone(&receiver).connections(listener, shutdown.clone()).await,
                    None => std::future::pending().await,
                }
            };
            let mut until = shutdown.clone();
            tokio::select! {
                () = datagrams => {}
                () = connections => {}
                _ = until.wait_for(|it| *it) => {}
            }
        }
    };
    tokio::join!(listen, write(waiting, &*sink, &counts));
}

struct Receiver {
    config: SyslogConfig,
    limits: Config,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    queue: mpsc::Sender<LogRecord>,
}

impl Receiver {
    async fn datagrams(&self, socket: &UdpSocket) {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            match socket.recv_from(&mut buffer).await {
                Ok((length, peer)) => {
                    let record = self.record(buffer.get(..length).unwrap_or(&[]), peer, false);
                    // A datagram cannot be made to wait.
                    if record.is_some_and(|it| self.queue.try_send(it).is_err()) {
                        self.counts.dropped(Source::Syslog, Reason::Refused, 1);
                    }
                }
                Err(error) => {
                    self.counts.error(Source::Syslog, ErrorKind::Unreachable);
                    debug!(%error, "A datagram could not be read.");
                }
            }
        }
    }

    async fn connections(self: Arc<Self>, listener: TcpListener, shutdown: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(self.config.max_connections.max(1)));
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(it) => it,
                Err(error) => {
                    self.counts.error(Source::Syslog, ErrorKind::Unreachable);
                    warn!(%error, "A connection could not be taken.");
                    // Out of file handles, for example: trying at once would spin.
                    tokio::time::sleep(FAILED_WAIT).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                self.counts.error(Source::Syslog, ErrorKind::Busy);
                warn!(%peer, limit = self.config.max_connections, "Too many syslog connections; this one is closed.");
                continue;
            };
            let receiver = Arc::clone(&self);
            let mut shutdown = shutdown.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = receiver.connection(stream, peer) => {}
                    _ = shutdown.wait_for(|it| *it) => {}
                }
                drop(place);
            });
        }
    }

    async fn connection(&self, mut stream: TcpStream, peer: SocketAddr) {
        let mut framer = Framer::new(self.limits.max_line_bytes.saturating_add(4096));
        let mut buffer = vec![0; 16 << 10];
        let idle = Duration::from_secs(self.config.idle_timeout_secs.max(1));
        let mut records = vec![];
        loop {
            let length = match tokio::time::timeout(idle, stream.read(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) | Err(_) => break,
                Ok(Ok(length)) => length,
            };
            let bytes = buffer.get(..length).unwrap_or(&[]);
            framer.push(bytes, |it, is_cut| records.extend(self.record(it, peer, is_cut)));
            if !self.send(&mut records).await {
                return;
            }
        }
        framer.finish(|it, is_cut| records.extend(self.record(it, peer, is_cut)));
        self.send(&mut records).await;
    }

    /// Waits for room; false if nobody takes lines any more.
    async fn send(&self, records: &mut Vec<LogRecord>) -> bool {
        for record in records.drain(..) {
            if self.queue.send(record).await.is_err() {
                return false;
            }
        }
        true
    }

    fn record(&self, message: &[u8], peer: SocketAddr, is_cut: bool) -> Option<LogRecord> {
        let mut problems = Problems::default();
        problems.lines_cut = u64::from(is_cut);
        let peer = peer.ip().to_canonical().to_string();
        let arrival = Arrival { time: self.clock.now(), peer: &peer };
        let record = decode(message, arrival, &self.config.labels, &self.limits, &mut problems);
        self.counts.problems(Source::Syslog, &problems);
        record
    }
}

/// Hands lines to the sink until all senders are gone; a batch is offered until it is taken or refused as wrong.
async fn write(mut waiting: mpsc::Receiver<LogRecord>, sink: &dyn Sink, counts: &Counts) {
    let mut batch = vec![];
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let n_lines = batch.len() as u64;
        counts.received(Source::Syslog, n_lines);
        loop {
            let outcome = sink.logs(Source::Syslog, batch.clone()).await;
            counts.outcome(Source::Syslog, &outcome);
            match outcome {
                Ok(_) => break,
                Err(Refused::Invalid(error)) => {
                    counts.dropped(Source::Syslog, Reason::Refused, n_lines);
                    warn!(error, "Syslog messages were refused.");
                    break;
                }
                Err(Refused::Busy { retry_after_secs } | Refused::TooFast { retry_after_secs, .. }) => {
                    tokio::time::sleep(Duration::from_secs(retry_after_secs)).await;
                }
                Err(Refused::Failed(error)) => {
                    warn!(error, "Syslog messages wait for the store.");
                    tokio::time::sleep(FAILED_WAIT).await;
                }
            }
        }
        batch.clear();
    }
}
