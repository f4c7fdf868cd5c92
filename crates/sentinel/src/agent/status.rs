//! How does the language model do, for the page and for programs? Read from the same numbers that `/metrics` prints.

use serve::{AgentCap, AgentDesk, AgentStatus, AgentTool, NamedCount};
use signal::{Meter as _, Metric};

use super::Conversations;

impl AgentDesk for Conversations {
    fn agent(&self) -> AgentStatus {
        let numbers = Numbers(self.metrics());
        let config = &self.config;
        let provider = self.model.as_ref().and(config.provider);
        AgentStatus {
            provider: provider.map(|it| it.as_str().to_owned()),
            model: config.model.clone(),
            url: config.url().to_owned(),
            state: match numbers.sum("sentinel_agent_breaker_state") as u64 {
                0 => "asked",
                1 => "one_request_tries",
                _ => "left_alone",
            },
            is_priced: config.prices.contains_key(&config.model),
            under_way: numbers.count("sentinel_agent_requests_in_flight")
                + numbers.count("sentinel_agent_requests_waiting"),
            waiting: numbers.count("sentinel_agent_waiting_count"),
            requests: numbers.by("sentinel_agent_requests_total", "outcome"),
            investigations: numbers.by("sentinel_agent_investigations_total", "outcome"),
            calls: numbers.by("sentinel_agent_calls_total", "outcome"),
            claims_published: numbers.count("sentinel_agent_claims_published_total"),
            claims_dropped: numbers.by("sentinel_agent_claims_dropped_total", "reason"),
            caps: numbers.caps(),
            tools: self.foreign.statuses().into_iter().map(tool).collect(),
        }
    }
}

fn tool(((server, tool), status): ((String, String), agent::mcp::ForeignStatus)) -> AgentTool {
    AgentTool { server, tool, status: status.as_str() }
}

struct Numbers(Vec<Metric>);

impl Numbers {
    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Metric> {
        self.0.iter().filter(move |it| it.name == name)
    }

    fn sum(&self, name: &str) -> f64 {
        self.of(name).map(|it| it.value).sum()
    }

    fn count(&self, name: &str) -> u64 {
        self.sum(name) as u64
    }

    fn by(&self, name: &str, label: &str) -> Vec<NamedCount> {
        let value = |it: &Metric| it.labels.iter().find(|it| it.0 == label).map(|it| it.1.clone());
        let named = |it: &Metric| Some(NamedCount { name: value(it)?, count: it.value as u64 });
        self.of(name).filter_map(named).collect()
    }

    fn caps(&self) -> Vec<AgentCap> {
        let of = |name: &str, period: &str| {
            self.of(name).find(|it| it.labels.iter().any(|it| it.1 == period)).map(|it| it.value)
        };
        let pairs = [
            ("dollars", "sentinel_agent_spent_dollars", "sentinel_agent_cap_dollars"),
            ("tokens", "sentinel_agent_spent_tokens", "sentinel_agent_cap_tokens"),
        ];
        let cap = |period: &'static str, (unit, used, cap): (&'static str, &str, &str)| {
            Some(AgentCap { period, unit, used: of(used, period)?, cap: of(cap, period)? })
        };
        let all = ["day", "month"].into_iter().flat_map(|period| pairs.map(|it| (period, it)));
        all.filter_map(|(period, it)| cap(period, it)).collect()
    }
}
