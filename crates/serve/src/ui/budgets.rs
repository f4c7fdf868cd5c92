//! How loud is it? Alerts of the last day against each budget.

use maud::{Markup, html};
use signal::BudgetStatus;

use super::text;

/// Budgets that the overview shows, those nearest to their end first.
const SHOWN: usize = 8;

/// One meter for each budget.
pub fn meters(budgets: &[BudgetStatus]) -> Markup {
    let share = |it: &BudgetStatus| f64::from(it.alerts_last_day) / it.budget_per_day;
    let mut nearest: Vec<&BudgetStatus> = budgets.iter().collect();
    nearest.sort_by(|a, b| share(b).total_cmp(&share(a)).then_with(|| b.held_total.cmp(&a.held_total)));
    html! {
        ul.cards { @for it in nearest.into_iter().take(SHOWN) { (meter(it, share(it))) } }
        @if budgets.len() > SHOWN { p.muted.small { (budgets.len() - SHOWN) " more budgets: " a href="/sentinel/v1/budgets" { "as JSON" } } }
    }
}

fn meter(it: &BudgetStatus, share: f64) -> Markup {
    let width = format!("{:.1}", (share * 100.0).clamp(0.0, 100.0));
    let tone = if share > 1.0 { "bad" } else { "" };
    let highest = it.alerts_by_day.iter().max().copied().unwrap_or(0).max(1);
    html! {
        li.card.budget data-testid="budget" data-key={ "b" (text::plain(&it.name)) } {
            div.card-head {
                strong { (text::plain(&it.name)) }
                span.push { span class={ "score " (tone) } { (it.alerts_last_day) } " in 24 h, budget " (it.budget) }
            }
            svg class={ "bar-svg meter " (tone) } viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={ (it.alerts_last_day) " alerts in 24 hours, the budget is " (it.budget) } {
                rect.track width="100" height="6" {}
                rect.fill width=(width) height="6" {}
            }
            div.card-head.small.muted {
                svg.trend viewBox="0 0 42 12" role="img" aria-label={ "Alerts of the last 7 days: " @for count in &it.alerts_by_day { (count) " " } } {
                    @for (idx, count) in it.alerts_by_day.iter().enumerate() {
                        @let height = (11.0 * f64::from(*count) / f64::from(highest)).max(1.0);
                        rect.fill x=(idx * 6) y=(format!("{:.1}", 12.0 - height)) width="5" height=(format!("{height:.1}")) {}
                    }
                }
                span { "counts from score " (text::number(it.multiplier)) }
                @if it.held_total > 0 { span.push { (it.held_total) " held back" } }
            }
            @if !it.held.is_empty() {
                details.small {
                    summary { "What was held back" }
                    ul { @for held in it.held.iter().take(5) {
                        li { (text::plain(&held.series)) " \u{b7} score " (text::number(held.peak_score)) " of " (text::number(held.threshold)) " \u{b7} " (text::moment(held.onset)) }
                    } }
                }
            }
        }
    }
}
