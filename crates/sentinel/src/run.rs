//! How does the system run? The listener, the collectors and the clock's ticks, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use signal::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::assemble::System;
use crate::cli::{Role, RunArgs};
use crate::config::Config;
use crate::listener;
use crate::offsets::StoredOffsets;
use crate::steady_clock::SteadyClock;
use crate::warmup;

/// How often incidents and stopped series are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often retention is applied.
const MAINTAIN: Duration = Duration::from_secs(30);
/// How often detector state is saved.
const SAVE: Duration = Duration::from_secs(60);
/// How long tasks may take to stop.
const STOP: Duration = Duration::from_secs(5);

/// `sentinel run`.
pub async fn run(args: RunArgs) -> anyhow::Result<()> {
    let mut config = crate::load_config(args.config.file.as_deref())?;
    config.listen = args.listen.unwrap_or(config.listen);
    config.data_dir = args.data_dir.unwrap_or(config.data_dir);
    crate::refuse_problems(config.validate())?;
    // The port is taken before the store is opened: a second server on the same address stops at once.
    let listener = listen(config.listen).await?;
    if args.role != Role::All {
        return crate::roles::run(args.role, config, listener).await;
    }
    let address = listener.local_addr().context("cannot read the address")?;
    let otlp = crate::otlp::listen(&config.otlp).await?;
    let syslog = ingest::bind_syslog(&config.syslog).await?;
    let clock = Arc::new(SteadyClock::default());
    let system = assemble(config, Arc::clone(&clock) as _).await?;
    announce(&system, address);
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    background(&system, &stopped, &mut tasks);
    let inlet = Inlet {
        sink: Arc::clone(&system.front.sink),
        clock: Arc::clone(&system.clock),
        counts: Arc::clone(&system.front.counts),
        kafka: Arc::clone(&system.kafka_counts),
    };
    let stored = Arc::new(StoredOffsets(Arc::clone(&system.store)));
    let remembered = Remembered { offsets: Arc::clone(&stored) as _, cursors: stored };
    collectors(&system.config, &inlet, &remembered, syslog, &stopped, &mut tasks);
    system.front.watch(&system.config, &stopped, &mut tasks);
    system.forecasts.run(&stopped, &mut tasks);
    system.model_watches.run(&stopped, &mut tasks);
    system.knowledge.run(&stopped, &mut tasks);
    let reload = system.rules.run(&stopped, &mut tasks);
    tasks.spawn(reload.clone().follow_hangups(stopped.clone()));
    let router = system.router_with(address, reload.routes(), &[clock as _], None)?;
    serve_router(router, listener, &stopped, &mut tasks);
    otlp.serve(&system.front.otlp, &system.config, &stopped, &mut tasks)?;
    system.health.set_running(true);
    wait_for_signal().await?;
    system.health.set_running(false);
    tracing::info!("Stopping.");
    // Receivers are only gone if all tasks have ended already.
    let _ = stop.send(true);
    system.live.close();
    let ended = tokio::time::timeout(STOP, async { while tasks.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("Some tasks did not stop in time.");
    }
    tokio::task::spawn_blocking(move || {
        system.predictions.log.close();
        system.metadata.save()?;
        warmup::save(&system.store, &system.shards, &system.budgets, &system.log_watch, &system.front.versions)
    })
    .await??;
    Ok(())
}

/// Takes the address.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another server running there? Choose another with --listen")
    })
}

async fn assemble(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Arc<System>> {
    let data_dir = config.data_dir.clone();
    let build = move || System::assemble(config, &data_dir, clock);
    Ok(Arc::new(tokio::task::spawn_blocking(build).await??))
}

fn announce(system: &System, address: SocketAddr) {
    println!("listening on http://{address}");
    tracing::info!(%address, data_dir = %system.config.data_dir.display(), recovery = %system.recovery, "Started.");
}

/// The server on its listener, until stopped.
pub fn serve(
    system: &Arc<System>,
    listener: TcpListener,
    address: SocketAddr,
    stopped: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    serve_router(system.router(address)?, listener, stopped, tasks);
    Ok(())
}

/// Routes on a listener of their own, until stopped.
pub fn serve_router(router: Router, listener: TcpListener, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) {
    tasks.spawn(listener::serve(listener, router, listener::PATIENCE, stopped.clone()));
}

/// Ticks, plan execution, retention and snapshots.
pub fn background(system: &Arc<System>, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) {
    tasks.spawn(Arc::clone(&system.desk).run(system.history(), stopped.clone()));
    let it = Arc::clone(system);
    tasks.spawn(every(TICK, stopped.clone(), move || it.tick()));
    system.conversations.run(stopped, tasks);
    let it = Arc::clone(system);
    tasks.spawn(every(MAINTAIN, stopped.clone(), move || {
        it.conversations.maintain();
        if let Err(error) = it.store.maintain(it.clock.now()) {
            tracing::error!(%error, "Retention failed.");
        }
    }));
    let it = Arc::clone(system);
    tasks.spawn(every(SAVE, stopped.clone(), move || {
        if let Err(error) = warmup::save(&it.store, &it.shards, &it.budgets, &it.log_watch, &it.front.versions) {
            tracing::error!(%error, "Detector state not saved.");
        }
        if let Err(error) = it.metadata.save() {
            tracing::error!(%error, "Descriptions of metrics not saved.");
        }
    }));
}

/// What remembers how far was read.
pub struct Remembered {
    /// In files.
    pub offsets: Arc<dyn ingest::Offsets>,
    /// On other servers.
    pub cursors: Arc<dyn ingest::Cursors>,
}

/// Everything that brings signals in by itself.
pub fn collectors(
    config: &Config,
    inlet: &Inlet,
    remembered: &Remembered,
    syslog: ingest::SyslogSockets,
    stopped: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) {
    let limits = || config.ingest.clone();
    for files in &config.tail {
        let offsets = Arc::clone(&remembered.offsets);
        let Inlet { sink, clock, counts, .. } = inlet.clone();
        tasks.spawn(ingest::tail(files.clone(), limits(), offsets, sink, clock, counts, stopped.clone()));
    }
    for server in &config.prometheus {
        let cursors = Arc::clone(&remembered.cursors);
        let Inlet { sink, clock, counts, .. } = inlet.clone();
        tasks.spawn(ingest::prometheus(server.clone(), limits(), cursors, sink, clock, counts, stopped.clone()));
    }
    if config.syslog.is_enabled() {
        let Inlet { sink, clock, counts, .. } = inlet.clone();
        let syslog_config = config.syslog.clone();
        tasks.spawn(ingest::syslog(syslog, syslog_config, limits(), sink, clock, counts, stopped.clone()));
    }
    collect(config, inlet, stopped, tasks);
}

/// Where collectors bring what they collect.
#[derive(Clone)]
pub struct Inlet {
    /// Takes signals.
    pub sink: Arc<dyn ingest::Sink>,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// What the protocols count.
    pub counts: Arc<ingest::Counts>,
    /// What reading from Kafka counts.
    pub kafka: Arc<ingest::KafkaCounts>,
}

/// Everything that is fetched and needs no place of its own to remember how far it is.
fn collect(config: &Config, inlet: &Inlet, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) {
    let limits = || config.ingest.clone();
    if config.host.enabled {
        let Inlet { sink, clock, counts, .. } = inlet.clone();
        tasks.spawn(ingest::watch_host(config.host.clone(), sink, clock, counts, stopped.clone()));
    }
    for target in &config.scrape {
        let Inlet { sink, clock, counts, .. } = inlet.clone();
        tasks.spawn(ingest::scrape(target.clone(), limits(), sink, clock, counts, stopped.clone()));
    }
    for broker in &config.mqtt {
        let Inlet { sink, clock, counts, .. } = inlet.clone();
        tasks.spawn(ingest::mqtt(broker.clone(), limits(), sink, clock, counts, stopped.clone()));
    }
    for topics in &config.kafka {
        let Inlet { sink, clock, counts, kafka } = inlet.clone();
        let ports = ingest::KafkaPorts { otlp: config.otlp.clone(), sink, clock, counts, kafka };
        tasks.spawn(ingest::consume_kafka(topics.clone(), limits(), ports, stopped.clone()));
    }
}

/// Does blocking work at an interval until stopped; a slow round delays the next one.
async fn every(interval: Duration, mut stopped: watch::Receiver<bool>, work: impl Fn() + Send + Sync + 'static) {
    let work = Arc::new(work);
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let work = Arc::clone(&work);
                if let Err(error) = tokio::task::spawn_blocking(move || work()).await {
                    tracing::error!(%error, "A periodic task panicked.");
                }
            }
            _ = until(&mut stopped) => return,
        }
    }
}

/// Waits until the tasks shall stop.
pub async fn until(stopped: &mut watch::Receiver<bool>) {
    // An error means the sender is gone: time to stop, too.
    let _ = stopped.wait_for(|it| *it).await;
}

/// Waits for SIGINT or SIGTERM.
pub async fn wait_for_signal() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        it = tokio::signal::ctrl_c() => it.context("cannot wait for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
    }
}
