//! Where is a function of a few numbers smallest? Nelder and Mead's simplex within a box.
#![allow(clippy::indexing_slicing, reason = "the simplex has one more corner than there are numbers")]

/// A search in a box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    /// The most calls of the function.
    pub max_calls: usize,
    /// It ends when best and worst corner differ by less than this share.
    pub tolerance: f64,
}

/// The smallest value found, and where. Values that are not finite count as very large.
///
/// Source: Nelder, Mead: A simplex method for function minimization, Computer Journal 7 (1965); points outside of the box are
/// moved to its edge.
pub(super) fn minimize(
    start: &[f64],
    bounds: &[(f64, f64)],
    search: Search,
    mut function: impl FnMut(&[f64]) -> f64,
) -> (f64, Vec<f64>) {
    let n = start.len();
    let mut n_calls = 0;
    let mut at = |mut point: Vec<f64>| {
        point.iter_mut().zip(bounds).for_each(|(it, (low, high))| *it = it.clamp(*low, *high));
        n_calls += 1;
        let value = function(&point);
        ((if value.is_finite() { value } else { f64::MAX }, point), n_calls)
    };
    let mut corners = vec![at(start.to_vec()).0];
    for (index, (low, high)) in bounds.iter().enumerate().take(n) {
        let mut point = start.to_vec();
        let stride = 0.2 * (high - low);
        point[index] += if point[index] + stride <= *high { stride } else { -stride };
        corners.push(at(point).0);
    }
    let mix = |from: &[f64], to: &[f64], share: f64| -> Vec<f64> {
        from.iter().zip(to).map(|(a, b)| a + (b - a) * share).collect()
    };
    loop {
        corners.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (best, worst) = (corners[0].0, corners[n].clone());
        let mut center = vec![0.0; n];
        corners[..n].iter().for_each(|it| center.iter_mut().zip(&it.1).for_each(|(a, b)| *a += b / n as f64));
        let (reflected, n_calls) = at(mix(&worst.1, &center, 2.0));
        if n_calls >= search.max_calls || worst.0 - best <= search.tolerance * (best.abs() + 1e-300) {
            if reflected.0 < best {
                return reflected;
            }
            return corners.swap_remove(0);
        }
        if reflected.0 < best {
            let (further, _) = at(mix(&worst.1, &center, 3.0));
            corners[n] = if further.0 < reflected.0 { further } else { reflected };
        } else if reflected.0 < corners[n.saturating_sub(1)].0 {
            corners[n] = reflected;
        } else {
            let toward = if reflected.0 < worst.0 { &reflected.1 } else { &worst.1 };
            let (inside, _) = at(mix(&center, toward, 0.5));
            if inside.0 < worst.0.min(reflected.0) {
                corners[n] = inside;
            } else {
                let best = corners[0].1.clone();
                for corner in &mut corners[1..] {
                    *corner = at(mix(&best, &corner.1, 0.5)).0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: Search = Search { max_calls: 500, tolerance: 1e-12 };

    #[test]
    fn the_bottom_of_a_bowl_and_the_edge_of_a_box_are_found() {
        let bowl = |it: &[f64]| (it[0] - 0.3).powi(2) + 4.0 * (it[1] - 0.7 - it[0]).powi(2);
        let (value, at) = minimize(&[0.5, 0.5], &[(0.0, 1.0), (0.0, 2.0)], SEARCH, bowl);
        assert!(value < 1e-8 && (at[0] - 0.3).abs() < 1e-3 && (at[1] - 1.0).abs() < 1e-3, "{value} {at:?}");
        let (_, at) = minimize(&[0.9], &[(0.5, 1.0)], SEARCH, |it| it[0]);
        assert_eq!(at, [0.5]);
    }

    #[test]
    fn what_is_not_finite_is_avoided_and_calls_are_bounded() {
        let mut n_calls = 0;
        let (value, _) = minimize(&[0.5], &[(0.0, 1.0)], Search { max_calls: 20, tolerance: 0.0 }, |it| {
            n_calls += 1;
            if it[0] > 0.6 { f64::NAN } else { -it[0] }
        });
        assert!(value <= -0.5 && n_calls <= 24, "{value} {n_calls}");
    }
}
