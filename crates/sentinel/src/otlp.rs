//! Where is OpenTelemetry taken besides the main address? On the standard ports for gRPC and HTTP.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use ingest::OtlpConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;

/// The ports that were taken; None where OpenTelemetry is not taken.
pub struct Listeners {
    grpc: Option<TcpListener>,
    http: Option<TcpListener>,
}

/// Takes the ports. A standard port that another program has is passed over, so that Sentinel starts next to a
/// collector without configuration; any other address that cannot be had is an error.
pub async fn listen(config: &OtlpConfig) -> anyhow::Result<Listeners> {
    let grpc = taken(config.grpc, "otlp.grpc").await?;
    let http = taken(config.http, "otlp.http").await?;
    Ok(Listeners { grpc, http })
}

async fn taken(address: Option<SocketAddr>, key: &'static str) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = address else { return Ok(None) };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == ErrorKind::AddrInUse && OtlpConfig::is_default(address) => {
            tracing::warn!(
                %address,
                "Another program has this port, so OpenTelemetry is not taken there. Set {key} to another address, or \
                 to null."
            );
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address} ({key})")),
    }
}

impl Listeners {
    /// Takes OpenTelemetry on them until stopped, behind the same access token as everything else.
    pub fn serve(
        self,
        otlp: &Arc<ingest::OtlpReceiver>,
        config: &Config,
        stopped: &watch::Receiver<bool>,
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<()> {
        let ways = [("gRPC", self.grpc, otlp.grpc_routes()), ("HTTP", self.http, otlp.http_routes())];
        for (way, listener, routes) in ways {
            let Some(listener) = listener else { continue };
            let address = listener.local_addr().context("cannot read the address")?;
            let routes = crate::access::guard(routes, config, address)?;
            crate::run::serve_router(routes, listener, stopped, tasks);
            tracing::info!(%address, "OpenTelemetry is taken over {way}.");
        }
        Ok(())
    }
}
