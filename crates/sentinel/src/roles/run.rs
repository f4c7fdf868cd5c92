//! How do the roles run? Each as a process of its own: its topics, its listener, and the thread that takes part in a group.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::{Request, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use cluster::{Counts, Membership, Outlet, Tenant, Topics};
use serve::Operations;
use signal::{Clock, Meter, Metric};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::cli::Role;
use crate::config::Config;
use crate::front::Front;
use crate::health::resident_bytes;
use crate::roles::copy::BookCopy;
use crate::roles::feed::BEAT;
use crate::roles::gateway::Gateway;
use crate::roles::kafka::KafkaCarrier;
use crate::roles::lane::Yard;
use crate::roles::positions::Positions;
use crate::roles::question::Question;
use crate::roles::responder::{Owner, Turn};
use crate::roles::worker::{Answers, Worker};
use crate::roles::workers::{Load, Workers};
use crate::run::{Inlet, Remembered, background, collectors, until, wait_for_signal};
use crate::steady_clock::SteadyClock;

/// How often a worker says that it is there.
const PRESENCE: Duration = Duration::from_secs(2);
/// A gateway's records wait so long for others; a batch of a sender is one already.
const GATEWAY_LINGER: Duration = Duration::from_millis(2);
/// How long what waits may take to be sent at the end.
const FLUSH: Duration = Duration::from_secs(10);
/// How long tasks may take to stop.
const STOP: Duration = Duration::from_secs(5);

/// Runs a role other than `all` until told to stop.
pub async fn run(role: Role, config: Config, listener: TcpListener) -> anyhow::Result<()> {
    let address = listener.local_addr().context("cannot read the address")?;
    // Announced first: who starts a role waits for its readiness, and brokers may be slow.
    println!("listening on http://{address}");
    let topics = Topics::open(&config.cluster).await.context("cannot open the topics")?;
    let is_role = role_name(role);
    tracing::info!(role = is_role, %address, brokers = config.cluster.brokers, partitions = topics.partitions, "Started.");
    if !config.watches.is_empty() || !config.models.is_empty() {
        tracing::warn!("`watches` and `models` are for `--role all`; in this role nothing is forecast.");
    }
    let config = Arc::new(config);
    match role {
        Role::Worker => worker(config, topics, listener, address).await,
        Role::Responder => responder(config, topics, listener, address).await,
        Role::Gateway | Role::All => gateway(config, topics, listener, address).await,
    }
}

const fn role_name(role: Role) -> &'static str {
    match role {
        Role::All => "all",
        Role::Gateway => "gateway",
        Role::Worker => "worker",
        Role::Responder => "responder",
    }
}

async fn gateway(
    config: Arc<Config>,
    topics: Topics,
    listener: TcpListener,
    address: SocketAddr,
) -> anyhow::Result<()> {
    let counts = Arc::new(Counts::default());
    let outlet = Outlet::open(&config.cluster, GATEWAY_LINGER)?;
    let partitions = topics.partitions;
    let carrier = KafkaCarrier { topics, outlet: outlet.clone(), counts: Arc::clone(&counts) };
    let steady = Arc::new(SteadyClock::default());
    let clock = Arc::clone(&steady) as Arc<dyn Clock>;
    let gateway = Arc::new(Gateway::new(Arc::new(carrier), partitions, Arc::clone(&clock)));
    let name = config.cluster.member.clone().unwrap_or_else(|| format!("{}:{}", host_name(), address.port()));
    let front = Front::before(Arc::clone(&gateway) as _, &config, Arc::default(), Arc::clone(&clock))?;
    let inlet =
        Inlet { sink: Arc::clone(&front.sink), clock, counts: Arc::clone(&front.counts), kafka: Arc::default() };
    let positions = Arc::new(Positions::open(&config.data_dir)?);
    let remembered = Remembered { offsets: Arc::clone(&positions) as _, cursors: positions };
    let syslog = ingest::bind_syslog(&config.syslog).await?;
    let told = Arc::clone(&counts);
    let health = Health::new(Role::Gateway, move || told.refusal());
    let mut meters = front.meters();
    meters.extend([Arc::clone(&inlet.kafka) as Arc<dyn Meter>, counts as _, steady as _, Arc::clone(&health) as _]);
    let mut tasks = JoinSet::new();
    let (stop, stopped) = watch::channel(false);
    tasks.spawn(beats(gateway, name, stopped.clone()));
    crate::otlp::listen(&config.otlp).await?.serve(&front.otlp, &config, &stopped, &mut tasks)?;
    collectors(&config, &inlet, &remembered, syslog, &stopped, &mut tasks);
    front.watch(&config, &stopped, &mut tasks);
    let router = operations(&config, meters, health, front.routes(), address)?;
    crate::run::serve_router(router, listener, &stopped, &mut tasks);
    wait_for_signal().await?;
    finish(&stop, tasks).await;
    tokio::task::spawn_blocking(move || outlet.flush(FLUSH)).await??;
    Ok(())
}

async fn worker(config: Arc<Config>, topics: Topics, listener: TcpListener, address: SocketAddr) -> anyhow::Result<()> {
    let counts = Arc::new(Counts::default());
    let outlet = Outlet::open(&config.cluster, Duration::ZERO)?;
    let signals = topics.signals.clone();
    let steady = Arc::new(SteadyClock::default());
    let yard = Arc::new(Yard {
        config: Arc::clone(&config),
        topics,
        outlet: outlet.clone(),
        counts: Arc::clone(&counts),
        clock: Arc::clone(&steady) as Arc<dyn Clock>,
        runtime: tokio::runtime::Handle::current(),
    });
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("cannot create {}", config.data_dir.display()))?;
    let reached = config.cluster.address.clone().unwrap_or_else(|| format!("http://{address}"));
    let name = config.cluster.member.clone().unwrap_or_else(|| reached.clone());
    let worker = Arc::new(Worker::new(yard, config.data_dir.clone(), name, reached));
    let asked = Arc::clone(&worker);
    let health = Health::new(Role::Worker, move || asked.complaint());
    let meters =
        vec![Arc::clone(&worker) as Arc<dyn Meter>, Arc::clone(&counts) as _, steady as _, Arc::clone(&health) as _];
    let routes = Router::new().route("/sentinel/v1/cluster/ask", post(ask)).with_state(Arc::clone(&worker));
    let mut tasks = JoinSet::new();
    let (stop, stopped) = watch::channel(false);
    let router = operations(&config, meters, health, routes, address)?;
    crate::run::serve_router(router, listener, &stopped, &mut tasks);
    tasks.spawn(presence(Arc::clone(&worker), stopped.clone()));
    let membership = Membership {
        topic: signals,
        group: format!("{}-workers", config.cluster.prefix),
        member: config.cluster.member.clone(),
    };
    let group = Group::join(&config, membership, worker, counts)?;
    let outcome = group.until(wait_for_signal()).await;
    finish(&stop, tasks).await;
    tokio::task::spawn_blocking(move || outlet.flush(FLUSH)).await??;
    outcome
}

async fn responder(
    config: Arc<Config>,
    topics: Topics,
    listener: TcpListener,
    address: SocketAddr,
) -> anyhow::Result<()> {
    let counts = Arc::new(Counts::default());
    let deadline = Duration::from_millis(config.cluster.answer_ms);
    let steady = Arc::new(SteadyClock::default());
    let copy = BookCopy::new(topics.clone(), Outlet::open(&config.cluster, Duration::ZERO)?);
    let workers = Arc::new(Workers::new(
        crate::http_client()?,
        config.access_token()?,
        topics.partitions,
        deadline,
        Arc::clone(&counts),
    ));
    let (owner, mut turns) =
        Owner::new(Arc::clone(&config), Arc::clone(&workers), Arc::clone(&counts), Arc::clone(&steady) as _, copy);
    let membership = Membership {
        topic: topics.findings.clone(),
        group: format!("{}-responder", config.cluster.prefix),
        member: config.cluster.member.clone(),
    };
    let group = Group::join(&config, membership, owner, Arc::clone(&counts))?;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let waiting = waiting(&config, &counts, address)?;
    let front = Arc::new(RwLock::new(waiting));
    crate::run::serve_router(front_door(&front), listener, &stopped, &mut tasks);
    let life = async {
        tracing::info!("Standing by until the incidents are ours.");
        loop {
            turns.changed().await.context("the group was left")?;
            let turn = turns.borrow_and_update().clone();
            match turn {
                Turn::Wait => {}
                Turn::End(reason) => anyhow::bail!("this responder ends: {reason}"),
                Turn::Serve(system) => {
                    background(&system, &stopped, &mut tasks);
                    let load = Arc::clone(&workers);
                    let routes = scaling(move || load.load());
                    let router = system.router_with(
                        address,
                        routes,
                        &[Arc::clone(&counts) as Arc<dyn Meter>, Arc::clone(&steady) as _],
                        Some(Arc::clone(&workers) as _),
                    )?;
                    *front.write().unwrap_or_else(PoisonError::into_inner) = router;
                    system.health.set_running(true);
                }
            }
        }
    };
    let outcome = group
        .until(async {
            tokio::select! {
                it = wait_for_signal() => it,
                it = life => it,
            }
        })
        .await;
    finish(&stop, tasks).await;
    outcome
}

/// The routes of a responder that waits: alive, and not ready.
fn waiting(config: &Config, counts: &Arc<Counts>, address: SocketAddr) -> anyhow::Result<Router> {
    let told = Arc::clone(counts);
    let standing_by = || "standing by: another responder owns the incidents".to_owned();
    let health = Health::new(Role::Responder, move || Some(told.refusal().unwrap_or_else(standing_by)));
    let meters = vec![Arc::clone(counts) as Arc<dyn Meter>, Arc::clone(&health) as _];
    operations(config, meters, health, Router::new(), address)
}

/// Membership of a group, on a thread of its own.
struct Group {
    is_stopped: Arc<AtomicBool>,
    ended: tokio::sync::oneshot::Receiver<Result<(), cluster::Error>>,
    thread: std::thread::JoinHandle<()>,
}

impl Group {
    fn join(
        config: &Arc<Config>,
        membership: Membership,
        tenant: Arc<dyn Tenant>,
        counts: Arc<Counts>,
    ) -> anyhow::Result<Self> {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (tell, ended) = tokio::sync::oneshot::channel();
        let (config, flag) = (Arc::clone(config), Arc::clone(&is_stopped));
        let thread = std::thread::Builder::new().name("group".to_owned()).spawn(move || {
            let outcome = cluster::take_part(&config.cluster, &membership, tenant, &counts, &flag);
            // Nobody waits for it any more if the process was told to stop.
            let _ = tell.send(outcome);
        })?;
        Ok(Self { is_stopped, ended, thread })
    }

    /// Takes part until `stop`, then leaves in order.
    async fn until(self, stop: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
        let Self { is_stopped, mut ended, thread } = self;
        let outcome = tokio::select! {
            it = stop => it,
            it = &mut ended => it.context("the group's thread panicked").and_then(|it| Ok(it?)),
        };
        tracing::info!("Stopping.");
        is_stopped.store(true, Ordering::Release);
        tokio::task::spawn_blocking(move || thread.join())
            .await?
            .map_err(|_| anyhow::anyhow!("the group's thread panicked"))?;
        outcome
    }
}

async fn ask(State(worker): State<Arc<Worker>>, Json(question): Json<Question>) -> Json<Answers> {
    let answers = tokio::task::spawn_blocking(move || worker.answer(&question)).await;
    // A panic is told by the runtime; the partitions count as not answering.
    Json(answers.unwrap_or_default())
}

/// What an autoscaler asks.
pub fn scaling(load: impl Fn() -> Load + Clone + Send + Sync + 'static) -> Router {
    Router::new().route("/sentinel/v1/scaling", get(move || async move { Json(load()) }))
}

/// The name of this machine; gateways may all listen on the same address of machines of their own.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Says that the gateway is there, and in the end that it leaves.
async fn beats(gateway: Arc<Gateway>, name: String, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let is_leaving = tokio::select! {
            _ = ticks.tick() => false,
            () = until(&mut stopped) => true,
        };
        // If it does not get through it is the very thing that workers shall notice.
        let _ = gateway.beat(&name, is_leaving).await;
        if is_leaving {
            return;
        }
    }
}

async fn presence(worker: Arc<Worker>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(PRESENCE);
    loop {
        tokio::select! {
            _ = ticks.tick() => worker.tell_presence().await,
            () = until(&mut stopped) => return,
        }
    }
}

/// The routes of a process without incidents, behind the access token.
fn operations(
    config: &Config,
    meters: Vec<Arc<dyn Meter>>,
    health: Arc<Health>,
    routes: Router,
    address: SocketAddr,
) -> anyhow::Result<Router> {
    let operations = Operations { meters, health, version: env!("CARGO_PKG_VERSION") };
    crate::access::guard(serve::operations(operations, &config.serve, routes), config, address)
}

/// Whatever is served now answers.
fn front_door(front: &Arc<RwLock<Router>>) -> Router {
    let front = Arc::clone(front);
    Router::new().fallback(move |request: Request| {
        let router = front.read().unwrap_or_else(PoisonError::into_inner).clone();
        router.oneshot(request)
    })
}

async fn finish(stop: &watch::Sender<bool>, mut tasks: JoinSet<()>) {
    // Receivers are only gone if all tasks have ended already.
    let _ = stop.send(true);
    let ended = tokio::time::timeout(STOP, async { while tasks.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("Some tasks did not stop in time.");
    }
}

/// Readiness of a role.
struct Health {
    role: Role,
    complaint: Box<dyn Fn() -> Option<String> + Send + Sync>,
}

impl Health {
    fn new(role: Role, complaint: impl Fn() -> Option<String> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { role, complaint: Box::new(complaint) })
    }
}

impl serve::Health for Health {
    fn ready(&self) -> Result<(), String> {
        (self.complaint)().map_or(Ok(()), Err)
    }

    fn mode(&self) -> String {
        role_name(self.role).to_owned()
    }
}

impl Meter for Health {
    fn metrics(&self) -> Vec<Metric> {
        let build = Metric::gauge("sentinel_build_info", "Version of this binary.", 1.0);
        let mut metrics = vec![build.label("version", env!("CARGO_PKG_VERSION")).label("role", role_name(self.role))];
        if let Some(bytes) = resident_bytes() {
            metrics.push(Metric::gauge("process_resident_memory_bytes", "Resident memory of this process.", bytes));
        }
        metrics
    }
}
