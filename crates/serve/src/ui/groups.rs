//! Which series are compared with each other? Each member on the scale of its group, with what is usual beside its peers.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use signal::{GroupKind, GroupMember, GroupStatus, Labels};

use super::layout::{Section, page as layout};
use super::text;
use crate::api::groups::{GroupQuery, find, is_apart};
use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, given};

/// Members that a card shows, the most unusual ones.
const MEMBERS: usize = 12;

/// `GET /groups`.
pub async fn page(State(app): State<Arc<App>>, Ask(query): Ask<GroupQuery>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let found = find(app, &query)?;
        let wanted = given(&query.wanted).unwrap_or("");
        let body = html! {
            div.title-row { h1 { "Groups" } }
            p.muted { "A replica is compared with its peers, a signal of a service with what its other signals imply." }
            form.search method="get" action="/groups" role="search" {
                input type="search" name="match" value=(wanted) placeholder="Service, metric or member" aria-label="Words in the labels";
                button { "Search" }
            }
            div data-live id="groups" {
                @if found.items.is_empty() { (nothing(wanted)) }
                ul.cards { @for it in &found.items { (card(it)) } }
            }
            @if let Some(cursor) = &found.next_cursor {
                p.more { a.button href={ "/groups?match=" (text::encode(wanted)) "&cursor=" (text::encode(cursor)) } { "More groups" } }
            }
        };
        Ok(layout(app, "Groups", Section::Groups, &body))
    })
    .await
}

fn nothing(wanted: &str) -> Markup {
    html! {
        div.empty {
            h2 { "No groups here" }
            @if wanted.is_empty() { p { "Four series that differ only in " code { "instance" } ", " code { "pod" } " or the like are a fleet. Three signals of one service on one host are judged together." } }
            @else { p { "All words must occur in the labels. " a href="/groups" { "Show all" } } }
        }
    }
}

fn card(group: &GroupStatus) -> Markup {
    let mut members: Vec<&GroupMember> = group.members.iter().collect();
    members.sort_by(|a, b| b.is_apart.cmp(&a.is_apart).then(b.score.total_cmp(&a.score)));
    let (kind, what) = match group.kind {
        GroupKind::Fleet => ("fleet", "member"),
        GroupKind::Signals => ("signals together", "signal"),
    };
    let scale = Scale::of(group);
    html! {
        li.card.group data-testid="group" data-key={ "g" (kind) (group.labels.id()) } {
            div.card-head {
                strong { (text::series(&group.labels)) }
                span.push.muted { (kind) " \u{b7} " (text::counted(group.members.len() as u64, what)) @if !group.is_ready { " \u{b7} learning" } }
            }
            @for it in members.iter().filter(|it| !it.explanation.is_empty()) {
                p.notice.bad data-testid="apart" { (text::plain(&it.explanation)) }
            }
            table.members {
                caption.hidden { "Members, the most unusual first" }
                thead.hidden { tr { th scope="col" { "Member" } th scope="col" { "Beside the others" } th.num scope="col" { "Value" } th.num scope="col" { "Score" } } }
                tbody { @for it in members.iter().take(MEMBERS) { (member(it, &group.labels, scale)) } }
            }
            @if members.len() > MEMBERS { p.muted.small { (members.len() - MEMBERS) " more, all less unusual: " a href={ "/sentinel/v1/groups?match=" (text::encode(group.labels.name())) } { "as JSON" } } }
            @if is_apart(group) { p.small { a href="/incidents" { "Incidents" } " show what it may have led to." } }
        }
    }
}

fn member(it: &GroupMember, group: &Labels, scale: Scale) -> Markup {
    let own: Vec<(&str, &str)> = it.labels.iter().filter(|(name, value)| group.get(name) != Some(*value)).collect();
    let value = it.value.map_or_else(|| "not compared".to_owned(), text::number);
    html! {
        tr {
            td { a href=(text::series_url(&it.labels)) {
                @for (name, value) in &own { span.chip { @if *name != "__name__" { span.key { (text::plain(name)) } "=" } (text::plain(value)) } " " }
            } }
            td { (scale.draw(it)) }
            td.num { (value) }
            td.num { span class={ "score" @if it.is_apart { " bad" } } { (text::number(it.score)) } }
        }
    }
}

/// What a card spans.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// Members have units of their own: the score is drawn.
    Scores,
    /// From the lowest to the highest of all values and of what is usual.
    Values(f64, f64),
    /// There is nothing to compare yet, or all is equal.
    Nothing,
}

impl Scale {
    fn of(group: &GroupStatus) -> Self {
        if group.kind == GroupKind::Signals {
            return Self::Scores;
        }
        let numbers = group.members.iter().flat_map(|it| it.value.into_iter().chain(it.expected.into_iter().flatten()));
        let (low, high) =
            numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(it), high.max(it)));
        if high > low { Self::Values(low, high) } else { Self::Nothing }
    }

    /// From 3 to 97 of 100; scores from 0 to 2.
    fn place(self, x: f64) -> f64 {
        let (low, high) = match self {
            Self::Values(low, high) => (low, high),
            _ => (0.0, 2.0),
        };
        3.0 + 94.0 * ((x - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// Where a member is, and from where to where it usually is.
    fn places(self, it: &GroupMember) -> (Option<f64>, Option<(f64, f64)>) {
        match self {
            Self::Scores => (Some(self.place(it.score)), Some((self.place(0.0), self.place(1.0)))),
            Self::Values(..) => {
                let usual = it.expected.map(|[_, lower, upper]| (self.place(lower), self.place(upper)));
                (it.value.map(|it| self.place(it)), usual)
            }
            Self::Nothing => (None, None),
        }
    }

    fn draw(self, it: &GroupMember) -> Markup {
        let (mark, usual) = self.places(it);
        let label = match (it.value, it.expected) {
            (Some(value), Some([yhat, lower, upper])) => format!(
                "{} beside an expected {}, usual {} to {}",
                text::number(value),
                text::number(yhat),
                text::number(lower),
                text::number(upper)
            ),
            _ => format!("score {}", text::number(it.score)),
        };
        html! {
            svg.strip viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=(label) {
                rect.track y="4" width="100" height="2" {}
                @if let Some((from, to)) = usual { rect.usual x=(format!("{from:.2}")) y="1.5" width=(format!("{:.2}", (to - from).max(0.6))) height="7" {} }
                @if let Some(x) = mark { rect class={ "mark" @if it.is_apart { " bad" } } x=(format!("{x:.2}")) y="0" width="0.8" height="10" {} }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(value: Option<f64>, expected: Option<[f64; 3]>) -> GroupMember {
        let labels = Labels::metric("latency", &[("pod", "a")]);
        GroupMember { labels, value, expected, score: 0.5, is_apart: false, explanation: String::new() }
    }

    fn group(kind: GroupKind, members: Vec<GroupMember>) -> GroupStatus {
        GroupStatus { kind, labels: Labels::metric("latency", &[]), is_ready: true, members }
    }

    #[test]
    fn members_share_one_scale() {
        let members = vec![member(Some(10.0), Some([11.0, 9.0, 13.0])), member(Some(29.0), None), member(None, None)];
        let scale = Scale::of(&group(GroupKind::Fleet, members));
        assert_eq!([9.0, 19.0, 29.0].map(|it| scale.place(it)), [3.0, 50.0, 97.0]);
        let drawn = scale.draw(&member(Some(10.0), Some([11.0, 9.0, 13.0]))).into_string();
        assert!(
            drawn.contains("10 beside an expected 11, usual 9 to 13") && drawn.contains("class=\"usual\""),
            "{drawn}"
        );
        assert!(!scale.draw(&member(None, None)).into_string().contains("class=\"mark"), "what is silent has no mark");
    }

    #[test]
    fn signals_have_units_of_their_own_and_are_drawn_by_score() {
        let scale = Scale::of(&group(GroupKind::Signals, vec![member(Some(1e9), None), member(Some(3.0), None)]));
        assert!(scale.draw(&member(Some(1e9), None)).into_string().contains("x=\"26.50\""));
        // A fleet whose members are all equal has no scale.
        assert_eq!(Scale::of(&group(GroupKind::Fleet, vec![member(Some(3.0), None)])), Scale::Nothing);
        assert!(!Scale::Nothing.draw(&member(None, None)).into_string().contains("class=\"usual"));
    }
}
