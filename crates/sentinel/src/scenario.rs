//! How are scenario files run? Against the whole system in simulated time.

use std::process::ExitCode;

use anyhow::Context as _;
use serve::Answers as _;
use signal::{
    Change, Feedback, FeedbackDesk as _, Incident, IncidentBook as _, IncidentId, Inference, Label, Labels, LogQuery,
    LogRecord, Matcher, Opinion, Plan, PlanDesk as _, SeriesPoints, SeriesQuery, Span, TimeRange, Timestamp,
};
use testkit::{Reply, scn};

use crate::cli::TestArgs;
use crate::config::Config;
use crate::simulated::{Incoming, Simulation};

/// `sentinel test`: all files, all expectations; exit code 1 if one fails, 2 if a file cannot be read.
pub fn test(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let (mut passed, mut failed) = (0, 0);
    for file in &args.files {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        let script = match scn::parse(&name, &text) {
            Ok(it) => it,
            Err(errors) => {
                errors.iter().for_each(|it| eprintln!("{it}"));
                return Ok(ExitCode::from(2));
            }
        };
        let mut system = Scenario { is_spread: args.roles, ..Scenario::default() };
        let outcome = tokio::task::block_in_place(|| scn::run(&script, &mut system));
        let is_good = outcome.is_passed() && system.problem.is_none();
        print!("{outcome}");
        if let Some(problem) = &system.problem {
            println!("{name}: {problem}");
        }
        println!("{name}: {}", if is_good { "passed" } else { "FAILED" });
        *(if is_good { &mut passed } else { &mut failed }) += 1;
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The system under test; built at the first signal, because only then the simulated time is known.
#[derive(Default)]
struct Scenario {
    config: Config,
    /// Over a gateway, workers and a responder.
    is_spread: bool,
    simulation: Option<Simulation>,
    problem: Option<String>,
}

impl Scenario {
    fn with(&mut self, now: Timestamp, work: impl AsyncFnOnce(&Simulation) -> anyhow::Result<()>) {
        if self.problem.is_some() {
            return;
        }
        let outcome = self.started(now).and_then(|it| tokio::runtime::Handle::current().block_on(work(it)));
        if let Err(error) = outcome {
            self.problem = Some(format!("{error:#}"));
        }
    }

    fn started(&mut self, now: Timestamp) -> anyhow::Result<&Simulation> {
        if self.simulation.is_none() {
            let mut config = self.config.clone();
            config.host.enabled = false;
            config.shards = 1;
            let start = if self.is_spread { Simulation::start_roles } else { Simulation::start };
            self.simulation = Some(start(config, now)?);
        }
        self.simulation.as_ref().context("the simulation was just started")
    }
}

impl testkit::System for Scenario {
    fn configure(&mut self, text: &str) -> Result<(), String> {
        self.config = Config::parse(text, std::iter::empty()).map_err(|it| it.join("; "))?;
        Ok(())
    }

    fn samples(&mut self, now: Timestamp, batch: Vec<SeriesPoints>) {
        self.with(now, async |it| it.feed(now, Incoming { samples: batch, ..Incoming::default() }).await);
    }

    fn logs(&mut self, now: Timestamp, lines: Vec<LogRecord>) {
        self.with(now, async |it| it.feed(now, Incoming { logs: lines, ..Incoming::default() }).await);
    }

    fn spans(&mut self, now: Timestamp, spans: Vec<Span>) {
        self.with(now, async |it| it.feed(now, Incoming { spans, ..Incoming::default() }).await);
    }

    fn predictions(&mut self, now: Timestamp, rows: Vec<Inference>, labels: Vec<Label>) {
        self.with(now, async |it| {
            it.clock.set(now);
            // Durable when this returns, so that the step after it sees them.
            let log = &it.system.predictions.log;
            if !rows.is_empty() {
                log.write(rows).await?;
            }
            if !labels.is_empty() {
                log.label(labels).await?;
            }
            Ok(())
        });
    }

    fn changes(&mut self, now: Timestamp, changes: Vec<Change>) {
        self.with(now, async |it| it.feed(now, Incoming { changes, ..Incoming::default() }).await);
    }

    fn advance(&mut self, now: Timestamp) {
        self.with(now, async |it| {
            it.clock.set(now);
            let watches = std::sync::Arc::clone(&it.system.model_watches);
            tokio::task::spawn_blocking(move || watches.step_all()).await.context("a watch panicked")?;
            it.advance().await?;
            it.system.desk.advance(&it.system.history()).await;
            Ok(())
        });
    }

    fn ask(&mut self, now: Timestamp, question: &str) -> Result<Reply, String> {
        let asking = serve::Asking { question: question.to_owned(), ..serve::Asking::default() };
        let system = self.started(now).map_err(|it| format!("{it:#}"))?;
        system.clock.set(now);
        let answer = system.system.ask.answer(&asking).map_err(|it| it.to_string())?;
        // Causes that are too unlikely to be told are none.
        let causes = if answer.root_cause.is_some() { answer.causes } else { vec![] };
        Ok(Reply {
            shape: answer.understood.shape.to_owned(),
            causes: causes.into_iter().map(|it| (it.service, it.fault)).collect(),
            services: answer.understood.services,
            incident: answer.incident,
            text: answer.markdown,
        })
    }

    fn feedback(
        &mut self,
        now: Timestamp,
        incident: IncidentId,
        opinion: Opinion,
        cause: Option<&str>,
    ) -> Result<(), String> {
        let system = self.started(now).map_err(|it| format!("{it:#}"))?;
        system.clock.set(now);
        let cause = cause.map(str::to_owned);
        let said = Feedback { opinion, cause, action: None, comment: String::new(), actor: "scenario".to_owned() };
        system.system.feedback.give(incident, said).map(|_| ()).map_err(|it| it.to_string())
    }

    fn incidents(&self) -> Vec<Incident> {
        let filter = signal::IncidentFilter::default();
        self.simulation.as_ref().and_then(|it| it.system.book.incidents(&filter).ok()).unwrap_or_default()
    }

    fn lines(&self, words: &str) -> Vec<LogRecord> {
        let (matchers, range) = (vec![], TimeRange::ALL);
        let query = LogQuery { text: words.to_owned(), matchers, min_level: None, range, limit: 1000 };
        let found = self.simulation.as_ref().and_then(|it| it.system.eyes.logs.search(&query).ok()).unwrap_or_default();
        found.into_iter().map(|it| it.record).collect()
    }

    fn series(&self, labels: &Labels) -> Vec<Labels> {
        let matchers = labels.iter().map(|(name, value)| Matcher::Equal(name.to_owned(), value.to_owned())).collect();
        let query = SeriesQuery { matchers, ..SeriesQuery::default() };
        self.simulation.as_ref().and_then(|it| it.system.eyes.history.series(&query).ok()).unwrap_or_default()
    }

    fn plans(&self) -> Vec<Plan> {
        self.simulation.as_ref().and_then(|it| it.system.desk.plans(None).ok()).unwrap_or_default()
    }
}
