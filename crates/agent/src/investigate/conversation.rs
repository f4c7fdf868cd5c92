//! How does a conversation go? Turns with tools while the budget lasts, then an answer, of which only what holds is kept.
//!
//! It has no clock, socket or task of its own: what is not computed from the case comes from the [`Partner`], so that a
//! recorded conversation can be held again with the same result.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use signal::{
    CauseOpinion, Claim, DroppedClaims, Evidence, Investigation, InvestigationOutcome, InvestigationStep, StepResult,
};

use super::case::Case;
use super::exhibits::Exhibits;
use super::partner::{Partner, Reply};
use super::prompt;
use super::spending::Spending;
use crate::frame::shortened;
use crate::grounding::{Answer, Checker, Flaw, RawClaim, schema};
use crate::transcript::{Entry, Transcript};
use crate::{Ask, Budget, Frames, Limits, Message, Stop, ToolCall, ToolResult, ToolSpec, Turn};

/// Claims that are looked at.
const MOST_CLAIMS: usize = 12;
/// Calls of one turn that are made.
const MOST_CALLS: usize = 8;
/// Tokens of one turn; the configured bound of the provider holds as well.
const MOST_OUTPUT: u32 = 4096;
/// Bytes of arguments that are shown to people.
const MOST_ARGUMENTS: usize = 300;

/// Holds a conversation about a case and keeps what holds of its answer.
pub async fn converse(
    case: &Case,
    model: &str,
    tools: &[ToolSpec],
    (budget, limits): (&Budget, &Limits),
    frames: &Frames,
    partner: &mut dyn Partner,
    transcript: &mut Transcript,
) -> Investigation {
    let mut talk = Talk {
        case,
        tools,
        budget,
        limits,
        frames,
        schema: schema(case.diagnosis.causes.len()),
        system: prompt::system(frames),
        messages: vec![Message::User(prompt::opening(case, frames))],
        exhibits: Exhibits::new(&case.diagnosis.evidence),
        spending: Spending::default(),
        steps: vec![],
        known: HashMap::new(),
    };
    transcript.begin(case, model, tools, (budget, limits), frames, &talk.system, &talk.messages);
    let end = talk.run(partner, transcript).await;
    let investigation = talk.conclude(end, model, partner, transcript).await;
    transcript.add(&Entry::End(investigation.clone()));
    investigation
}

struct Talk<'a> {
    case: &'a Case,
    tools: &'a [ToolSpec],
    budget: &'a Budget,
    limits: &'a Limits,
    frames: &'a Frames,
    schema: Value,
    system: String,
    messages: Vec<Message>,
    exhibits: Exhibits,
    spending: Spending,
    steps: Vec<InvestigationStep>,
    /// What was answered, by tool and arguments.
    known: HashMap<(String, String), ToolResult>,
}

/// How it ended: the answer if there is one, and why not.
struct End {
    outcome: InvestigationOutcome,
    reason: String,
    answer: Option<Answer>,
}

impl End {
    fn without(outcome: InvestigationOutcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: reason.into(), answer: None }
    }
}

impl Talk<'_> {
    async fn run(&mut self, partner: &mut dyn Partner, transcript: &mut Transcript) -> End {
        let (mut must_answer, mut has_asked_again) = (false, false);
        loop {
            if self.spending.is_over(self.budget) {
                return End::without(InvestigationOutcome::NoAnswer, "The budget was used up without an answer.");
            }
            let is_late = partner.is_late();
            let is_cut = is_late || self.spending.is_last(self.budget, self.limits);
            let is_last = must_answer || is_cut;
            if is_last && !has_asked_again && self.spending.turns > 0 {
                self.messages.push(Message::User(prompt::ANSWER_NOW.to_owned()));
            }
            let turn = match self.turn(is_last, is_late, partner, transcript).await {
                Ok(it) => it,
                Err(error) => return End::without(InvestigationOutcome::Failed, error),
            };
            if turn.stop == Stop::Refused {
                return End::without(InvestigationOutcome::Refused, "The model did not want to answer.");
            }
            if !turn.calls.is_empty() && !is_last {
                self.calls(&turn.calls, partner, transcript).await;
                continue;
            }
            if let Some(answer) = Answer::read(&turn.text) {
                let outcome = if is_cut { InvestigationOutcome::Budget } else { InvestigationOutcome::Answered };
                return End { outcome, reason: String::new(), answer: Some(answer) };
            }
            if has_asked_again {
                return End::without(InvestigationOutcome::NoAnswer, "The model gave no answer that can be read.");
            }
            // Whoever calls tools that are not there is told so, because calls without answers are not allowed.
            self.refuse(&turn.calls);
            if is_last {
                self.messages.push(Message::User(prompt::ANSWER_AGAIN.to_owned()));
            }
            (must_answer, has_asked_again) = (true, is_last);
        }
    }

    async fn turn(
        &mut self,
        is_last: bool,
        is_late: bool,
        partner: &mut dyn Partner,
        transcript: &mut Transcript,
    ) -> Result<Turn, String> {
        let ask = Ask {
            system: &self.system,
            messages: &self.messages,
            tools: if is_last { &[] } else { self.tools },
            answer_schema: is_last.then_some(&self.schema),
            max_output_tokens: MOST_OUTPUT,
        };
        let asked_bytes = serde_json::to_string(&ask).map_or(0, |it| it.len());
        let outcome = partner.turn(&ask).await;
        transcript.add(&Entry::Turn { is_late, is_last, outcome: outcome.clone() });
        let (mut turn, dollars) = outcome?;
        self.spending.turn(turn.usage, dollars, asked_bytes, serde_json::to_string(&turn).map_or(0, |it| it.len()));
        // Ids must be there and differ, or answers cannot be told apart.
        for (idx, call) in turn.calls.iter_mut().enumerate() {
            if call.id.is_empty() {
                call.id = format!("call-{}-{idx}", self.spending.turns);
            }
        }
        // Providers do not take back what says nothing.
        if !turn.text.trim().is_empty() || !turn.calls.is_empty() {
            self.messages.push(Message::Model(turn.clone()));
        }
        Ok(turn)
    }

    /// Answers calls: known ones from memory, those that are one too many with an error, the others together.
    async fn calls(&mut self, calls: &[ToolCall], partner: &mut dyn Partner, transcript: &mut Transcript) {
        let room = usize::try_from(self.limits.max_calls.saturating_sub(self.spending.calls)).unwrap_or(0);
        let mut new: Vec<ToolCall> = vec![];
        for call in calls {
            let is_known = self.known.contains_key(&key(call)) || new.iter().any(|it| key(it) == key(call));
            if !is_known && new.len() < MOST_CALLS.min(room) {
                new.push(call.clone());
            }
        }
        let replies = if new.is_empty() { vec![] } else { partner.call(&new).await };
        if !new.is_empty() {
            transcript.add(&Entry::Replies(replies.clone()));
        }
        self.spending.calls += u32::try_from(new.len()).unwrap_or(u32::MAX);
        self.spending.idle_turns = if new.is_empty() { self.spending.idle_turns + 1 } else { 0 };
        let mut fresh: BTreeMap<(String, String), Reply> = new.iter().map(key).zip(replies).collect();
        let results = calls.iter().map(|call| self.result(call, fresh.remove(&key(call)))).collect();
        self.messages.push(Message::Tools(results));
    }

    fn result(&mut self, call: &ToolCall, fresh: Option<Reply>) -> ToolResult {
        if let Some(reply) = fresh {
            let result = self.admit(call, &reply);
            self.known.insert(key(call), result.clone());
            return result;
        }
        if let Some(known) = self.known.get(&key(call)).cloned() {
            self.step(call, StepResult::Repeated, vec![]);
            return ToolResult { id: call.id.clone(), ..known };
        }
        self.step(call, StepResult::Rejected, vec![]);
        error(call, "Too many calls; this one was not made. Ask again with fewer.")
    }

    /// Gives ids to the evidence of a reply, and puts it into a frame.
    fn admit(&mut self, call: &ToolCall, reply: &Reply) -> ToolResult {
        let mut text = reply.text.clone();
        let mut ids = vec![];
        for evidence in &reply.evidence {
            let Some(id) = self.exhibits.admit(evidence) else { continue };
            text = text.replacen(&evidence.text, &format!("{}: {}", id.0, evidence.text), 1);
            ids.push(id);
        }
        self.step(call, reply.outcome, ids);
        let source = format!("tool=\"{}\"", tool_name(self.tools, &call.name));
        let content = self.frames.data(&source, &text, self.limits.max_answer_bytes);
        ToolResult {
            id: call.id.clone(),
            name: call.name.clone(),
            content,
            is_error: reply.outcome != StepResult::Answered,
        }
    }

    fn step(&mut self, call: &ToolCall, outcome: StepResult, evidence: Vec<signal::EvidenceId>) {
        let arguments = call.arguments.to_string();
        self.steps.push(InvestigationStep {
            tool: tool_name(self.tools, &call.name).to_owned(),
            arguments: shortened(&arguments, MOST_ARGUMENTS).to_owned(),
            outcome,
            evidence,
        });
    }

    fn refuse(&mut self, calls: &[ToolCall]) {
        if !calls.is_empty() {
            let results = calls.iter().map(|it| error(it, "There are no more tools.")).collect();
            self.messages.push(Message::Tools(results));
        }
    }

    /// Checks the answer and makes the outcome of it.
    async fn conclude(
        &mut self,
        end: End,
        model: &str,
        partner: &mut dyn Partner,
        transcript: &mut Transcript,
    ) -> Investigation {
        let mut dropped: BTreeMap<Flaw, u32> = BTreeMap::new();
        let (mut claims, mut cited) = (vec![], vec![]);
        let raw = end.answer.as_ref().map_or(&[][..], |it| &it.claims);
        for (claim, evidence) in self.sound(raw, &mut dropped) {
            let unread: Vec<Evidence> = evidence.into_iter().filter(|it| !cited.contains(it)).collect();
            cited.extend(unread);
            claims.push(claim);
        }
        let holds = if cited.is_empty() { vec![] } else { partner.reread(&cited).await };
        if !cited.is_empty() {
            transcript.add(&Entry::Reread(holds.clone()));
        }
        let gone: Vec<&Evidence> =
            cited.iter().enumerate().filter(|(idx, _)| holds.get(*idx) != Some(&true)).map(|it| it.1).collect();
        let before = claims.len();
        claims.retain(|it: &Claim| !it.evidence.iter().any(|id| gone.iter().any(|one| one.id == *id)));
        let n_gone = u32::try_from(before - claims.len()).unwrap_or(u32::MAX);
        if n_gone > 0 {
            dropped.insert(Flaw::NotReread, n_gone);
        }
        cited.retain(|it| claims.iter().any(|claim| claim.evidence.contains(&it.id)));
        Investigation {
            incident: self.case.incident,
            model: model.to_owned(),
            started_at: self.case.now,
            seconds: 0.0,
            outcome: end.outcome,
            reason: end.reason,
            claims,
            opinion: self.opinion(end.answer.as_ref()),
            evidence: cited,
            steps: std::mem::take(&mut self.steps),
            dropped: dropped
                .into_iter()
                .map(|(flaw, count)| DroppedClaims { reason: flaw.as_str().to_owned(), count })
                .collect(),
            tokens: self.spending.tokens,
            cost_usd: self.spending.dollars,
        }
    }

    /// Claims whose words hold, with what they cite.
    fn sound(&self, raw: &[RawClaim], dropped: &mut BTreeMap<Flaw, u32>) -> Vec<(Claim, Vec<Evidence>)> {
        let checker = Checker::new(&self.case.diagnosis, self.exhibits.all(), &self.case.inventory);
        let mut sound: Vec<(Claim, Vec<Evidence>)> = vec![];
        for (idx, claim) in raw.iter().enumerate() {
            let outcome = if idx < MOST_CLAIMS { checker.check(claim) } else { Err(Flaw::TooMany) };
            match outcome {
                Ok(evidence) => {
                    let ids = evidence.iter().map(|it| it.id.clone()).collect();
                    let claim = Claim { text: claim.text.trim().to_owned(), evidence: ids };
                    sound.push((claim, evidence.into_iter().cloned().collect()));
                }
                Err(flaw) => *dropped.entry(flaw).or_default() += 1,
            }
        }
        sound
    }

    fn opinion(&self, answer: Option<&Answer>) -> CauseOpinion {
        let number = answer.and_then(|it| it.cause.trim().strip_prefix('C')?.parse::<usize>().ok());
        match number {
            Some(1) if !self.case.diagnosis.causes.is_empty() => CauseOpinion::Agrees,
            Some(it) if (2..=self.case.diagnosis.causes.len()).contains(&it) => CauseOpinion::PrefersAnother,
            _ => CauseOpinion::None,
        }
    }
}

fn key(call: &ToolCall) -> (String, String) {
    (call.name.clone(), call.arguments.to_string())
}

fn error(call: &ToolCall, text: &str) -> ToolResult {
    ToolResult { id: call.id.clone(), name: call.name.clone(), content: text.to_owned(), is_error: true }
}

/// The name of a tool that there is; a model's own words are shown to nobody.
fn tool_name<'a>(tools: &'a [ToolSpec], name: &str) -> &'a str {
    tools.iter().find(|it| it.name == name).map_or("(unknown)", |it| &it.name)
}
