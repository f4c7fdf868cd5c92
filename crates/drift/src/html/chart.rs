//! How are two distributions drawn over each other? As SVG that needs no script; a script may tell what is under the pointer.

use std::fmt::Write as _;

use maud::{Markup, html as markup};

use super::words::{number, percent, shown};
use crate::report::Part;
use crate::shape::Shape;

/// A small picture for the row.
pub fn spark(shape: &Shape) -> Markup {
    let (reference, current) = sides(shape);
    let size = (150.0, 30.0);
    let highest = highest(reference, current);
    markup! {
        svg.spark viewBox="0 0 150 30" preserveAspectRatio="none" aria-hidden="true" {
            path.reference d=(steps(reference, size, highest)) {}
            path.current d=(steps(current, size, highest)) {}
        }
    }
}

/// The picture for the details.
pub fn large(shape: &Shape, idx: usize) -> Markup {
    match shape {
        Shape::Bins { edges, reference, current } => bins(edges, reference, current, idx),
        Shape::Bars { labels, reference, current } => bars(labels, reference, current),
    }
}

fn bins(edges: &[f64], reference: &[f64], current: &[f64], idx: usize) -> Markup {
    let highest = highest(reference, current);
    let text = |it: Option<&f64>| it.map_or(String::new(), |it| number(*it));
    let middle = edges.get(edges.len() / 2);
    let compact = |shares: &[f64]| shares.iter().map(|it| number(*it)).collect::<Vec<String>>().join(" ");
    markup! {
        figure {
            svg.large viewBox="0 0 640 210" role="img" aria-labelledby=(format!("chart-{idx}"))
                data-low=(text(edges.first())) data-high=(text(edges.last()))
                data-reference=(compact(reference)) data-current=(compact(current)) {
                title id=(format!("chart-{idx}")) { "Shares of the reference and of the current data over the same bins" }
                line.grid x1="0" x2="640" y1="100" y2="100" {}
                line.grid x1="0" x2="640" y1="20" y2="20" {}
                text.label x="2" y="15" { (percent(highest)) }
                text.label x="2" y="95" { (percent(highest / 2.0)) }
                g transform="translate(0 20)" {
                    path.reference d=(steps(reference, (640.0, 160.0), highest)) {}
                    path.current d=(steps(current, (640.0, 160.0), highest)) {}
                }
                line.axis x1="0" x2="640" y1="180" y2="180" {}
                rect.hover x="0" y="20" width="0" height="160" {}
                text.label x="0" y="198" { (text(edges.first())) }
                text.label x="320" y="198" text-anchor="middle" { (text(middle)) }
                text.label x="640" y="198" text-anchor="end" { (text(edges.last())) }
            }
            figcaption { "Share of values per bin. The outer bins hold everything further out." }
        }
    }
}

fn bars(labels: &[String], reference: &[f64], current: &[f64]) -> Markup {
    let highest = highest(reference, current).max(f64::MIN_POSITIVE);
    let height = 34 * labels.len() + 6;
    let sides = reference.iter().zip(current);
    markup! {
        figure {
            svg.large.bars viewBox=(format!("0 0 640 {height}")) role="img" aria-label="Shares of the reference and of the current data by value" {
                @for (row, (label, (before, now))) in labels.iter().zip(sides).enumerate() {
                    g transform=(format!("translate(0 {})", 34 * row)) {
                        text x="196" y="20" text-anchor="end" { (shown(label)) }
                        rect.reference x="204" y="4" width=(width(*before, highest)) height="12" {}
                        rect.current x="204" y="17" width=(width(*now, highest)) height="12" {}
                        text.label x="636" y="14" text-anchor="end" { (percent(*before)) }
                        text.label x="636" y="28" text-anchor="end" { (percent(*now)) }
                    }
                }
            }
            figcaption { "Share of rows by value." }
        }
    }
}

/// The effect over time, as columns; drifted ones stand out.
pub fn time(parts: &[Part], height_of: impl Fn(&Part) -> f64) -> Markup {
    let highest = parts.iter().map(&height_of).filter(|it| it.is_finite()).fold(f64::MIN_POSITIVE, f64::max);
    let step = 640.0 / parts.len().max(1) as f64;
    let name = |it: Option<&Part>| it.map_or(String::new(), |it| shown(&it.name));
    markup! {
        figure {
            svg.large.time viewBox="0 0 640 130" role="img" aria-label="By time" {
                @for (idx, part) in parts.iter().enumerate() {
                    @let height = 96.0 * (height_of(part).min(highest) / highest);
                    rect.drifted[part.drifted > 0] x=(rounded(step * idx as f64 + 0.5)) y=(rounded(104.0 - height))
                        width=(rounded((step - 1.0).max(0.5))) height=(rounded(height.max(1.0))) {
                        title { (shown(&part.name)) ": effect " (number(part.effect)) ", " (part.drifted) " of " (part.compared) " drifted, " (part.rows) " rows" }
                    }
                }
                line.axis x1="0" x2="640" y1="105" y2="105" {}
                text.label x="0" y="122" { (name(parts.first())) }
                text.label x="640" y="122" text-anchor="end" { (name(parts.last())) }
                text.label x="2" y="10" { (number(highest)) }
            }
        }
    }
}

const fn sides(shape: &Shape) -> (&Vec<f64>, &Vec<f64>) {
    match shape {
        Shape::Bins { reference, current, .. } | Shape::Bars { reference, current, .. } => (reference, current),
    }
}

fn highest(reference: &[f64], current: &[f64]) -> f64 {
    reference.iter().chain(current).copied().fold(0.0, f64::max)
}

fn width(share: f64, highest: f64) -> String {
    rounded((share / highest * 380.0).max(if share > 0.0 { 1.0 } else { 0.0 }))
}

fn rounded(value: f64) -> String {
    number((value * 10.0).round() / 10.0)
}

/// The outline of a histogram as a closed path.
fn steps(shares: &[f64], (width, height): (f64, f64), highest: f64) -> String {
    let step = width / shares.len().max(1) as f64;
    let mut path = format!("M0 {}", rounded(height));
    for (idx, share) in shares.iter().enumerate() {
        let y = height * (1.0 - if highest > 0.0 { share / highest } else { 0.0 });
        // Writing into a string does not fail.
        let _ = write!(path, "V{}H{}", rounded(y), rounded(step * (idx + 1) as f64));
    }
    let _ = write!(path, "V{}Z", rounded(height));
    path
}
