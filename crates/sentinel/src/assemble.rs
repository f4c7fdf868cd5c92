//! How is the system put together? Every stage is built here, in the order of the data flow, and connected by ports.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use act::Desk;
use anyhow::Context as _;
use axum::Router;
use detect::{AlertBudgets, LogWatch, ServiceMap, SpanWatch};
use serve::{Live, Ports, Queries, ScrapedTarget, Workforce};
use signal::{Clock, History, Meter, PlanDesk, PlanStore};
use store::{Recovery, Store};

use crate::agent::{Conversations, Diagnosed, SourcesOf};
use crate::alert_desk::AlertDesk;
use crate::ask::AskDesk;
use crate::back_tester::StoredBackTester;
use crate::bands::Bands;
use crate::book::Book;
use crate::clean::{self, CleanLedger, CleanMeter};
use crate::config::Config;
use crate::eyes::Eyes;
use crate::feedback_desk::FeedbackDesk;
use crate::forecasts::{Forecasts, Overlay};
use crate::front::Front;
use crate::groups::Groups;
use crate::health::Health;
use crate::intake::Intake;
use crate::kafka_out::KafkaOutbox;
use crate::knowledge_desk::KnowledgeDesk;
use crate::metadata_book::MetadataBook;
use crate::model_watch::ModelWatches;
use crate::news_desk::NewsDesk;
use crate::responder::Responder;
use crate::roles::{Asker, Elsewhere};
use crate::row_desk::RowDesk;
use crate::rules::Rules;
use crate::shards::Shards;
use crate::warmup;

/// The whole system, connected but not yet running.
pub struct System {
    /// What it was built from.
    pub config: Arc<Config>,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Durable storage.
    pub store: Arc<Store>,
    /// Where signals are looked up.
    pub eyes: Eyes,
    /// What the store found when it was opened.
    pub recovery: Recovery,
    /// Scoring.
    pub shards: Arc<Shards>,
    /// How many alerts there may be.
    pub budgets: Arc<AlertBudgets>,
    /// What would have alerted.
    pub back_tester: Arc<StoredBackTester>,
    /// PromQL.
    pub queries: Arc<Queries>,
    /// Types and descriptions of metrics.
    pub metadata: Arc<MetadataBook>,
    /// Recording and alerting rules.
    pub rules: Arc<Rules>,
    /// Rows of numbers that programs send.
    pub row_desk: Arc<RowDesk>,
    /// Comparison of series with each other.
    pub groups: Arc<Groups>,
    /// Log templates.
    pub log_watch: Arc<LogWatch>,
    /// Calls and durations of spans.
    pub span_watch: Arc<SpanWatch>,
    /// Who calls whom.
    pub map: Arc<ServiceMap>,
    /// Incidents.
    pub responder: Arc<Responder>,
    /// Plans.
    pub desk: Arc<Desk>,
    /// Incidents for people.
    pub book: Arc<Book>,
    /// What people say of incidents.
    pub feedback: Arc<FeedbackDesk>,
    /// Runbooks, past incidents, log templates.
    pub knowledge: Arc<KnowledgeDesk>,
    /// Answers to questions.
    pub ask: Arc<AskDesk>,
    /// What was expected, also of the past.
    pub bands: Arc<Bands>,
    /// The way in for signals.
    pub intake: Arc<Intake>,
    /// Alerts of other systems.
    pub alert_desk: Arc<AlertDesk>,
    /// What stands between the protocols and the intake.
    pub front: Front,
    /// Watches and their models.
    pub forecasts: Arc<Forecasts>,
    /// Models whose predictions are compared with a reference.
    pub model_watches: Arc<ModelWatches>,
    /// Stored samples, and forecasts of times to come.
    pub overlay: Arc<Overlay>,
    /// Models that are served, and the log of what they said.
    pub predictions: Arc<predict::Desk>,
    /// Lets other versions of them answer.
    pub promoter: Arc<crate::predictions::Promoter>,
    /// What log lines lead to.
    pub news_desk: Arc<NewsDesk>,
    /// What reading from Kafka counts.
    pub kafka_counts: Arc<ingest::KafkaCounts>,
    /// Conversations with a language model about incidents.
    pub conversations: Arc<Conversations>,
    /// Incidents for other programs.
    pub kafka_outbox: Option<Arc<KafkaOutbox>>,
    /// Live events.
    pub live: Live,
    /// Is it ready?
    pub health: Arc<Health>,
}

impl System {
    /// Builds the system over a data directory.
    pub fn assemble(config: Config, data_dir: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Self::assemble_with(config, data_dir, clock, None)
    }

    /// The same; with `elsewhere` signals are stored and judged by others, and only incidents are kept here.
    // Long because the whole of the product is wired here, one stage after the other.
    pub fn assemble_with(
        config: Config,
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        elsewhere: Option<Arc<dyn Asker>>,
    ) -> anyhow::Result<Self> {
        // ## Store
        let (store, recovery) = Store::open(data_dir, config.store.clone())
            .with_context(|| format!("cannot open the store in {}", data_dir.display()))?;

        // ## Detect and diagnose
        let live = Live::new();
        let map = Arc::new(ServiceMap::default());
        let detect_config = Arc::new(config.detect.clone());
        let budgets = Arc::new(AlertBudgets::new(&detect_config));
        let log_watch = Arc::new(LogWatch::new(config.templates.clone(), Arc::clone(&detect_config)));
        let span_watch = Arc::new(SpanWatch::new(detect_config.spans.clone()));
        let is_whole = elsewhere.is_none();
        let workers = elsewhere.clone();
        let eyes = match elsewhere {
            None => Eyes::here(&store, &log_watch),
            Some(asker) => Elsewhere::eyes(asker, Arc::clone(&store)),
        };
        let responder = Responder::open(
            Arc::clone(&detect_config),
            Arc::clone(&budgets),
            Arc::clone(&store),
            eyes.clone(),
            Arc::clone(&map),
            live.clone(),
        )?;
        let on_anomalies = Arc::clone(&responder);
        let groups = Groups::new(Arc::clone(&detect_config));
        let shards = Shards::start(
            Arc::clone(&detect_config),
            &budgets,
            config.shards,
            Arc::clone(&clock),
            Arc::new(move |anomalies| on_anomalies.anomalies(anomalies)),
            Arc::clone(&groups),
        )
        .context("cannot start the detector threads")?;
        if is_whole {
            warmup::warm(&store, &shards, &budgets, &log_watch, &map, clock.now())
                .context("cannot read the stored history")?;
        }

        let back_tester = Arc::new(StoredBackTester::new(detect_config, Arc::clone(&eyes.history), Arc::clone(&map)));

        let overlay = Arc::new(Overlay::new(Arc::clone(&eyes.history)));
        let queries = Queries::new(&config.query, Arc::clone(&overlay) as _);
        let metadata = MetadataBook::open(Arc::clone(&store)).context("cannot read what is known of metrics")?;
        let metadata = Arc::new(metadata);
        let row_desk = Arc::new(RowDesk::new(config.serve.row_contamination));

        // ## Act
        let on_plan = Arc::clone(&responder);
        let desk = Desk::open(
            config.act.clone(),
            Arc::new(CleanLedger(Arc::clone(&store))),
            Arc::clone(&store) as Arc<dyn PlanStore>,
            Arc::clone(&clock),
            crate::key::signing_key(&store)?,
            Arc::new(move |plan| on_plan.plan_changed(plan)),
        )
        .context("cannot open the plans")?;
        desk.hide_secrets_by(clean::owned);
        responder.connect(Arc::clone(&desk));
        let kafka_outbox = KafkaOutbox::open(&config.kafka_out)?.map(Arc::new);
        if let Some(outbox) = &kafka_outbox {
            responder.tell(Arc::clone(outbox) as _);
        }

        // ## Ingest and serve
        let scores = eyes.scores.clone().unwrap_or_else(|| Arc::clone(&shards) as _);
        let bands =
            Arc::new(Bands::new(Arc::clone(&store), scores, Arc::clone(&responder), eyes.clone(), Arc::clone(&clock)));
        let book = Arc::new(Book {
            store: Arc::clone(&store),
            history: Arc::clone(&eyes.history),
            responder: Arc::clone(&responder),
            plans: Arc::clone(&desk) as _,
            scores: Arc::clone(&bands) as _,
            clock: Arc::clone(&clock),
        });
        let feedback = FeedbackDesk::open(
            config.feedback.clone(),
            Arc::clone(&store),
            Arc::clone(&budgets),
            Arc::clone(&responder),
            Arc::clone(&clock),
            workers,
        )
        .context("cannot read what was learned from feedback")?;
        responder.heed(Arc::clone(&feedback) as _);
        // ## Know and answer
        let plans: Arc<dyn PlanDesk> = Arc::clone(&desk) as _;
        let knowledge = KnowledgeDesk::open(&config, data_dir, &eyes, &store, &responder, Arc::clone(&plans), &clock)?;
        let ask = Arc::new(AskDesk::new(
            eyes.clone(),
            Arc::clone(&store),
            Arc::clone(&map),
            Arc::clone(&responder),
            plans,
            Arc::clone(&bands) as _,
            Arc::clone(&knowledge),
            Arc::clone(&clock),
        ));
        let alert_desk = AlertDesk::open(Arc::clone(&store), Arc::clone(&responder));
        let alert_desk = Arc::new(alert_desk.context("cannot read the alerts that fired")?);
        let intake = Arc::new(Intake {
            alerts: Arc::clone(&alert_desk),
            store: Arc::clone(&store),
            shards: Arc::clone(&shards),
            log_watch: Arc::clone(&log_watch),
            span_watch: Arc::clone(&span_watch),
            map: Arc::clone(&map),
            responder: Arc::clone(&responder),
            metadata: Arc::clone(&metadata),
            clock: Arc::clone(&clock),
        });
        let front = Front::before(Arc::clone(&intake) as _, &config, warmup::versions(&store)?, Arc::clone(&clock))?;
        let (groups_of_rules, problems) = crate::rules::file::load(&config.rules);
        anyhow::ensure!(problems.is_empty(), "{}", problems.join("; "));
        let rules = Rules::open(
            &config.rules,
            groups_of_rules,
            Arc::clone(&queries),
            Arc::clone(&intake) as _,
            Arc::clone(&clock),
            Arc::clone(&store),
            Arc::clone(&alert_desk),
        )
        .context("cannot read the alerts of rules")?;
        let news_desk = Arc::new(NewsDesk::new(
            Arc::clone(&log_watch),
            Arc::clone(&span_watch),
            Arc::clone(&responder),
            Arc::clone(&intake),
        ));
        let history = Arc::clone(&eyes.history);
        let forecasts =
            Forecasts::new(&config, data_dir, &store, history, Arc::clone(&alert_desk), Arc::clone(&clock))?;
        overlay.connect(Arc::clone(&forecasts));
        let predictions = crate::predictions::open(&config, data_dir, Arc::clone(&clock))?;
        let promoter = crate::predictions::Promoter::open(&predictions, &store, &config.predict.models)?;
        let model_watches = ModelWatches::open(
            &config.model_watches,
            &config.predict.models,
            data_dir,
            &predictions,
            &store,
            &responder,
            Arc::clone(&clock),
        )?;
        // ## Agent
        let tools = SourcesOf {
            config: &config,
            queries: &queries,
            eyes: &eyes,
            store: &store,
            map: &map,
            knowledge: Some(Arc::clone(&knowledge) as _),
            clock: &clock,
        };
        let reopen = Diagnosed { eyes: eyes.clone(), store: Arc::clone(&store), map: Arc::clone(&map) };
        let parts = crate::agent::Parts {
            sources: tools.build()?,
            reopen: Arc::new(reopen),
            history: Arc::clone(&eyes.history),
            live: live.clone(),
            clock: Arc::clone(&clock),
        };
        let conversations = Conversations::open(&config, data_dir, parts)?;
        conversations.tell(Arc::clone(&responder));
        ask.connect(Arc::clone(&conversations) as _);
        responder.investigate_with(Arc::clone(&conversations));
        let health = Arc::new(Health::new(Arc::clone(&store)));
        let kafka_counts = Arc::new(ingest::KafkaCounts::default());
        let config = Arc::new(config);
        Ok(Self {
            config,
            clock,
            store,
            eyes,
            recovery,
            shards,
            budgets,
            back_tester,
            queries,
            metadata,
            rules,
            row_desk,
            groups,
            log_watch,
            span_watch,
            map,
            responder,
            desk,
            book,
            feedback,
            knowledge,
            ask,
            bands,
            intake,
            alert_desk,
            front,
            forecasts,
            overlay,
            predictions,
            promoter,
            model_watches,
            news_desk,
            kafka_counts,
            conversations,
            kafka_outbox,
            live,
            health,
        })
    }

    /// All endpoints on one listener.
    pub fn router(&self, address: SocketAddr) -> anyhow::Result<Router> {
        self.router_with(address, Router::new(), &[], None)
    }

    /// The same with routes, counters and workers that only some roles have.
    pub fn router_with(
        &self,
        address: SocketAddr,
        routes: Router,
        meters: &[Arc<dyn Meter>],
        workforce: Option<Arc<dyn Workforce>>,
    ) -> anyhow::Result<Router> {
        let ports = Arc::new(Ports {
            incidents: Arc::clone(&self.book) as _,
            investigations: Arc::clone(&self.conversations) as _,
            agent: Arc::clone(&self.conversations) as _,
            plans: Arc::clone(&self.desk) as _,
            feedback: Arc::clone(&self.feedback) as _,
            ledger: Arc::clone(&self.store) as _,
            traces: Arc::clone(&self.eyes.traces),
            history: Arc::clone(&self.overlay) as _,
            queries: Arc::clone(&self.queries),
            metadata: Arc::clone(&self.metadata) as _,
            rules: Arc::clone(&self.rules) as _,
            targets: self.config.scrape.iter().flat_map(targets).collect(),
            retention: format!("{}d", self.config.store.samples.retention_days),
            exemplars: Arc::clone(&self.store) as _,
            logs: Arc::clone(&self.eyes.logs),
            templates: Arc::clone(&self.eyes.templates),
            changes: Arc::clone(&self.store) as _,
            topology: Arc::clone(&self.map) as _,
            scores: Arc::clone(&self.bands) as _,
            budgets: Arc::clone(&self.budgets) as _,
            intake: Arc::new(self.front.senders()),
            workforce,
            groups: Arc::clone(&self.groups) as _,
            back_tester: Arc::clone(&self.back_tester) as _,
            rows: Arc::clone(&self.row_desk) as _,
            knowledge: Arc::clone(&self.knowledge) as _,
            answers: Arc::clone(&self.ask) as _,
            reports: Arc::clone(&self.book) as _,
            forecasts: Arc::clone(&self.forecasts) as _,
            drift: Arc::clone(&self.model_watches) as _,
            served: Arc::clone(&self.promoter) as _,
            meters: self.meters().into_iter().chain(meters.iter().cloned()).collect(),
            clock: Arc::clone(&self.clock),
            version: env!("CARGO_PKG_VERSION"),
            health: Arc::clone(&self.health) as _,
        });
        let models = predict::routes(Arc::clone(&self.predictions));
        let signals = self.front.routes().merge(models).merge(routes).merge(self.mcp());
        let router = serve::router(ports, self.live.clone(), &self.config.serve, signals);
        crate::access::guard(router, &self.config, address)
    }

    /// The tools for other programs.
    fn mcp(&self) -> Router {
        let proposals = crate::agent::Proposals {
            desk: Arc::clone(&self.desk),
            book: Arc::clone(&self.book),
            responder: Arc::clone(&self.responder),
        };
        crate::agent::routes(agent::mcp::Served {
            tools: self.conversations.tools().clone(),
            propose: Arc::new(proposals),
            config: self.config.agent.mcp.clone(),
            version: env!("CARGO_PKG_VERSION"),
        })
    }

    /// The history port.
    pub fn history(&self) -> Arc<dyn History> {
        Arc::clone(&self.eyes.history)
    }

    /// One simulated second ends or one real tick comes: everything that waits for time to pass.
    pub fn tick(&self) {
        let now = self.clock.now();
        self.news_desk.tick(now);
        self.shards.tick(now);
        self.budgets.tick(now);
        self.feedback.tick(now);
        self.groups.tick(&self.responder);
        self.alert_desk.tick(now);
        self.model_watches.tick(now);
        self.responder.tick(now);
        self.bands.tick(now);
    }

    fn meters(&self) -> Vec<Arc<dyn Meter>> {
        let mut meters = self.front.meters();
        meters.extend([
            Arc::clone(&self.kafka_counts) as Arc<dyn Meter>,
            Arc::clone(&self.store) as _,
            Arc::clone(&self.shards) as _,
            Arc::clone(&self.budgets) as _,
            Arc::clone(&self.groups) as _,
            Arc::clone(&self.log_watch) as _,
            Arc::clone(&self.span_watch) as _,
            Arc::clone(&self.row_desk) as _,
            Arc::clone(&self.queries) as _,
            Arc::clone(&self.metadata) as _,
            Arc::clone(&self.rules) as _,
            Arc::clone(&self.news_desk) as _,
            Arc::clone(&self.alert_desk) as _,
            Arc::clone(&self.forecasts) as _,
            Arc::clone(&self.model_watches) as _,
            Arc::clone(&self.predictions) as _,
            Arc::clone(&self.predictions.log) as _,
            Arc::clone(&self.responder) as _,
            Arc::clone(&self.desk) as _,
            Arc::clone(&self.knowledge) as _,
            Arc::clone(&self.ask) as _,
            Arc::clone(&self.conversations) as _,
            Arc::clone(&self.health) as _,
            Arc::new(CleanMeter) as _,
            Arc::clone(&self.feedback) as _,
        ]);
        meters.extend(self.kafka_outbox.iter().map(|it| Arc::clone(it) as _));
        meters
    }
}

/// What a job scrapes, for people.
fn targets(job: &ingest::ScrapeConfig) -> impl Iterator<Item = ScrapedTarget> {
    ingest::scraped(job).into_iter().map(|(url, labels)| ScrapedTarget {
        url,
        labels,
        interval_secs: job.interval_secs,
        timeout_secs: job.timeout_secs,
    })
}
