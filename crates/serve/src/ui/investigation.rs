//! What did a language model add? Claims that hold, what they rest on, what was asked, and what it cost.

use maud::{Markup, html};
use signal::{
    CauseOpinion, Claim, DroppedClaims, Evidence, EvidenceSource, Investigation, InvestigationOutcome,
    InvestigationStep,
};

use super::text;

/// The part of an incident's page; nothing where nobody was asked.
pub fn section(found: Option<&Investigation>) -> Markup {
    let Some(it) = found else { return html! {} };
    html! {
        section aria-labelledby="h-investigation" data-live id="investigation" data-testid="investigation" {
            div.head {
                h2 id="h-investigation" { "Investigation" }
                span.muted { "by " (text::plain(&it.model)) ", " (text::seconds(it.seconds)) }
            }
            p.muted.small { (outcome(it)) " " (opinion(it.opinion)) }
            (dropped(&it.dropped))
            @if it.claims.is_empty() {
                div.empty { p { "Nothing could be added that holds. The cause above stands as it is." } }
            }
            ul.claims { @for claim in &it.claims { (self::claim(claim)) } }
            @if !it.evidence.is_empty() {
                details {
                    summary { "What the claims rest on" }
                    ol.evidence { @for it in &it.evidence { (evidence(it)) } }
                }
            }
            @if !it.steps.is_empty() {
                details {
                    summary { (text::counted(it.steps.len() as u64, "question")) }
                    ol.questions { @for it in &it.steps { (step(it)) } }
                }
            }
            p.muted.small data-testid="investigation-cost" { (cost(it)) }
        }
    }
}

fn outcome(it: &Investigation) -> String {
    let words = match it.outcome {
        InvestigationOutcome::Answered => "Every sentence was checked against the evidence it cites.".to_owned(),
        InvestigationOutcome::Budget => {
            "It was ended by its budget. Every sentence was checked against the evidence it cites.".to_owned()
        }
        _ => text::plain(&it.reason),
    };
    let dropped: u32 = it.dropped.iter().map(|it| it.count).sum();
    if dropped == 0 { words } else { format!("{words} {dropped} that did not hold were left out.") }
}

/// What did not hold, and why; the words themselves are kept from the page.
fn dropped(all: &[DroppedClaims]) -> Markup {
    html! {
        @if !all.is_empty() {
            p.small data-testid="dropped-claims" {
                span.muted { "Left out: " }
                @for it in all { span.chip { (why(&it.reason)) @if it.count > 1 { " " (it.count) } } " " }
            }
        }
    }
}

/// Why a sentence was left out, for people.
fn why(reason: &str) -> String {
    let words = match reason {
        "no_evidence" => "cites nothing",
        "unknown_evidence" => "cites what is not there",
        "not_reread" => "evidence that could not be read again",
        "too_many" => "one too many",
        "form" => "not a sentence",
        "number" => "a number that its evidence does not have",
        "time" => "a time that its evidence does not have",
        "name" => "a name that its evidence does not have",
        "direction" => "up for down, or new for gone",
        "subject" => "a kind of trouble that its evidence does not show",
        "negation" => "says what is not",
        "advice" => "gives advice",
        "why" => "a reason without evidence of the first cause",
        "parrot" => "repeats a log line as its own words",
        "quote" => "a quotation that nobody said",
        "word" => "a word that can be compared with nothing",
        "role" => "before for after, or a share for a difference",
        "binding" => "a number of something else",
        "order" => "first what came later",
        "relation" => "the called as the caller",
        other => return text::plain(&other.replace('_', " ")),
    };
    words.to_owned()
}

/// How a conversation ended, in a word.
pub fn ended(outcome: InvestigationOutcome) -> Markup {
    match outcome {
        InvestigationOutcome::Answered => text::badge("good", "an answer"),
        InvestigationOutcome::Budget => text::badge("warn", "its budget"),
        InvestigationOutcome::NoAnswer => text::badge("bad", "no answer"),
        InvestigationOutcome::Refused => text::badge("bad", "a refusal"),
        InvestigationOutcome::Failed => text::badge("bad", "a failure"),
    }
}

const fn opinion(opinion: CauseOpinion) -> &'static str {
    match opinion {
        CauseOpinion::Agrees => "The model would name the same cause first.",
        CauseOpinion::PrefersAnother => {
            "The model would name another of the ranked causes; the ranking stays as it is."
        }
        CauseOpinion::None => "",
    }
}

fn claim(claim: &Claim) -> Markup {
    html! {
        li data-testid="claim" {
            (text::plain(&claim.text)) " "
            @for id in &claim.evidence { a.ref href={ "#inv-" (id.0) } { (id.0) } " " }
        }
    }
}

fn evidence(it: &Evidence) -> Markup {
    html! {
        li id={ "inv-" (it.id.0) } data-key={ "inv-" (it.id.0) } tabindex="-1" {
            span.ref { (it.id.0) }
            div {
                p { (text::plain(&it.text)) }
                @if let EvidenceSource::Answer { tool, arguments, .. } = &it.source {
                    p.muted.small { (text::plain(tool)) " " (text::object(arguments)) }
                }
            }
        }
    }
}

fn step(it: &InvestigationStep) -> Markup {
    html! {
        li {
            strong { (text::plain(&it.tool)) } " " (text::object(&it.arguments)) " "
            span.muted { (it.outcome.as_str().replace('_', " ")) } @for id in &it.evidence { " " a.ref href={ "#inv-" (id.0) } { (id.0) } }
        }
    }
}

fn cost(it: &Investigation) -> String {
    let (read, written) = it.tokens;
    let money = if it.cost_usd > 0.0 { format!(", {:.4} US dollars", it.cost_usd) } else { String::new() };
    format!("{} tokens read, {} written{money}.", text::grouped(read), text::grouped(written))
}
