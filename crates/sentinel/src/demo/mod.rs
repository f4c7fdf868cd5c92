//! How is the product shown without anything to watch? A simulated shop, real faults, the whole way to the remedy.
//!
//! The shop is simulated and so is its time; everything else is the product: samples and lines go through the intake,
//! incidents are opened, explained and planned for by the running stages, remedies are real HTTP calls to the shop's
//! control address, and the miner is a real (idle) process that is really ended.

mod control;
mod miner;
mod show;
mod table;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use signal::{Clock as _, SystemClock, Timestamp};
use testkit::shop::{Fault, Shop};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::assemble::System;
use crate::cli::{Approver, DemoArgs};
use crate::config::Config;
use crate::simulated::{Incoming, Simulation};

pub use miner::wait_for_parent;

/// History that is made before the first fault: more than a simulated day (900 s).
const HISTORY_SECS: i64 = 1500;
/// How far back the first fault lies, so that the simulated time never overtakes the real one.
const LEAD: Duration = Duration::from_secs(45 * 60);
/// The simulated host on which the miner runs: this machine's processes are taken for its own.
const MINER_HOST: &str = "app-1";

/// The shop, its time and the system that watches it.
pub struct Stage {
    simulation: Simulation,
    shop: Arc<Mutex<Shop>>,
    now: Timestamp,
    /// Real time between two simulated seconds.
    pace: Duration,
    next_step: tokio::time::Instant,
}

/// `sentinel demo`.
pub async fn demo(args: DemoArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.speed.is_finite() && (0.1..=100.0).contains(&args.speed), "--speed must lie between 0.1 and 100");
    let faults = chosen(&args)?;
    let shop = Arc::new(Mutex::new(Shop::new(args.seed)));
    let control = control::start(Arc::clone(&shop)).await?;
    let listener = listen(&args).await?;
    let address = listener.local_addr()?;
    let start = SystemClock.now().minus(LEAD);
    let simulation = Simulation::start(config(&control, &args)?, start)?;
    let (stop, stopped) = watch::channel(false);
    let system = Arc::clone(&simulation.system);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(Arc::clone(&system.desk).run(system.history(), stopped.clone()));
    crate::run::serve(&system, listener, address, &stopped, &mut tasks)?;
    system.health.set_running(true);
    open_page(&args, &format!("http://{address}"));
    let mut stage = Stage::new(simulation, shop, start, args.speed);
    stage.make_history(!args.json).await?;
    let result = show::show(&mut stage, faults, &args).await?;
    if args.json {
        println!("{}", serde_json::to_string(&result)?);
    } else {
        table::print(&result);
    }
    if !args.headless {
        keep_up(&mut stage, &args, &format!("http://{address}")).await?;
    }
    // Receivers are only gone if all tasks have ended already.
    let _ = stop.send(true);
    Ok(if result.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(args: &DemoArgs) -> anyhow::Result<Vec<Fault>> {
    let all = in_order();
    if args.faults.is_empty() {
        return Ok(all);
    }
    let names = || all.iter().map(Fault::name).collect::<Vec<_>>().join(", ");
    let wanted = args.faults.iter().map(|name| {
        let found = all.iter().find(|it| it.name() == name).cloned();
        found.with_context(|| format!("there is no fault {name:?}; known are {}", names()))
    });
    wanted.collect()
}

/// Faults with the decoys between them.
fn in_order() -> Vec<Fault> {
    let (mut faults, decoys) = (Fault::all(), Fault::decoys());
    for (idx, decoy) in decoys.into_iter().enumerate() {
        faults.insert((2 + idx * 3).min(faults.len()), decoy);
    }
    faults
}

fn config(control_url: &str, args: &DemoArgs) -> anyhow::Result<Config> {
    let mut config = Config::default();
    config.host.enabled = false;
    config.act =
        serde_json::from_value(testkit::shop::playbooks(control_url)).context("the demo's playbooks are wrong")?;
    config.act.host_name = MINER_HOST.to_owned();
    config.act.max_executions_per_hour = 100;
    config.act.cool_down_secs = 0;
    if args.approve == Approver::Manual {
        config.act.approval_ttl_secs = 86_400;
    }
    crate::refuse_problems(config.validate())?;
    Ok(config)
}

/// The wanted address, or a free port if somebody else has it.
async fn listen(args: &DemoArgs) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(args.listen).await {
        Ok(it) => Ok(it),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            if !args.json {
                println!("{} is in use, so the UI takes a free port.", args.listen);
            }
            crate::run::listen((args.listen.ip(), 0).into()).await
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {}", args.listen)),
    }
}

fn open_page(args: &DemoArgs, url: &str) {
    if args.json {
        return;
    }
    println!("Sentinel watches a simulated shop. Open {url} to look at it while it runs.");
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|it| std::env::var_os(it).is_some());
    if has_display && !args.headless {
        // Without a browser the address above is enough.
        let _ = std::process::Command::new("xdg-open").arg(url).spawn();
    }
}

/// Goes on until stopped: first until the simulated time meets the real one, then second by second.
async fn keep_up(stage: &mut Stage, args: &DemoArgs, url: &str) -> anyhow::Result<()> {
    if !args.json {
        println!("\nThe shop goes on; look around at {url}. Ctrl-C stops it.");
    }
    let stop = crate::run::wait_for_signal();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            it = stage.step() => it?,
            it = &mut stop => return it,
        }
        if stage.now.plus(Duration::from_secs(2)) >= SystemClock.now() {
            stage.pace = Duration::from_secs(1);
        }
    }
}

impl Stage {
    fn new(simulation: Simulation, shop: Arc<Mutex<Shop>>, now: Timestamp, speed: f64) -> Self {
        let pace = Duration::from_secs_f64(1.0 / speed);
        Self { simulation, shop, now, pace, next_step: tokio::time::Instant::now() }
    }

    /// The system that watches.
    fn system(&self) -> &System {
        &self.simulation.system
    }

    /// The shop, for a moment.
    fn shop(&self) -> std::sync::MutexGuard<'_, Shop> {
        self.shop.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// One simulated second at its pace.
    async fn step(&mut self) -> anyhow::Result<()> {
        self.next_step = self.next_step.max(tokio::time::Instant::now() - self.pace) + self.pace;
        tokio::time::sleep_until(self.next_step).await;
        self.step_at_once().await
    }

    async fn step_at_once(&mut self) -> anyhow::Result<()> {
        let now = self.now.plus(Duration::from_secs(1));
        let tick = self.shop().step(now);
        let (samples, logs, changes) = (tick.samples, tick.logs, tick.changes);
        self.simulation.feed(now, Incoming { samples, logs, changes, ..Incoming::default() }).await?;
        self.now = now;
        self.simulation.advance().await
    }

    /// A quiet day, as fast as the machine goes.
    async fn make_history(&mut self, is_told: bool) -> anyhow::Result<()> {
        if is_told {
            println!("Making {} minutes of history ...", HISTORY_SECS / 60);
        }
        for _ in 0..HISTORY_SECS {
            self.step_at_once().await?;
        }
        Ok(())
    }
}
