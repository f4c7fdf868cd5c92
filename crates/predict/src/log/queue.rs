//! How do predictions leave the request's path? Through a queue that is bounded in rows and bytes; who offers never waits.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use signal::{FeatureValue, Inference, Label};
use tokio::sync::oneshot;

use super::ids::Joined;

/// How long the writer waits for more rows when nobody waits for it.
const LINGER: Duration = Duration::from_millis(10);

/// Told when rows or labels are durable, with what became of the labels, or why they are not.
pub type Ack = oneshot::Sender<Result<Joined, String>>;

/// What the writer gets.
pub enum Item {
    /// Predictions.
    Rows(Vec<Inference>, Option<Ack>),
    /// Labels.
    Labels(Vec<Label>, Ack),
}

/// The queue before the writer.
pub struct Queue {
    state: Mutex<State>,
    is_filled: Condvar,
    max_rows: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    rows: usize,
    bytes: usize,
    is_urgent: bool,
    is_closed: bool,
}

impl Queue {
    /// An empty queue.
    pub fn new(max_rows: usize, max_bytes: usize) -> Self {
        Self { state: Mutex::default(), is_filled: Condvar::new(), max_rows, max_bytes }
    }

    /// Takes the item, or gives it back if there is no room or the writer has ended.
    pub fn push(&self, item: Item) -> Result<(), Item> {
        let (rows, bytes) = item.size();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = state.rows + rows > self.max_rows || state.bytes + bytes > self.max_bytes;
        // Something too large for an empty queue would never come through.
        if state.is_closed || (is_full && state.rows > 0) || rows > self.max_rows.saturating_mul(4) {
            return Err(item);
        }
        state.rows += rows;
        state.bytes += bytes;
        let was_urgent = state.is_urgent;
        state.is_urgent |= item.is_urgent() || state.bytes > self.max_bytes / 2 || state.rows > self.max_rows / 2;
        // Waking a thread is dearer than all the rest, so it is done only when there is something new to wake for.
        let wakes = state.items.is_empty() || (state.is_urgent && !was_urgent);
        state.items.push_back(item);
        drop(state);
        if wakes {
            self.is_filled.notify_one();
        }
        Ok(())
    }

    /// Up to about so many rows, as soon as there are some; an empty list if none come in time, none after the end.
    pub fn pop(&self, most_rows: usize, patience: Duration) -> Option<Vec<Item>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.is_filled.wait_timeout_while(state, patience, |it| it.items.is_empty() && !it.is_closed);
        let mut state = wait.unwrap_or_else(PoisonError::into_inner).0;
        if state.items.is_empty() {
            return if state.is_closed { None } else { Some(vec![]) };
        }
        if !state.is_urgent && !state.is_closed {
            let wait = self.is_filled.wait_timeout_while(state, LINGER, |it| !it.is_urgent && !it.is_closed);
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        let (mut taken, mut n_rows) = (vec![], 0);
        while n_rows < most_rows
            && let Some(item) = state.items.pop_front()
        {
            let (rows, bytes) = item.size();
            n_rows += rows;
            state.rows -= rows;
            state.bytes -= bytes;
            taken.push(item);
        }
        state.is_urgent = !state.items.is_empty();
        Some(taken)
    }

    /// Rows that wait, and their bytes.
    pub fn depth(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.rows, state.bytes)
    }

    /// Lets the writer end after what is in the queue.
    pub fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.is_filled.notify_all();
    }
}

impl Item {
    fn size(&self) -> (usize, usize) {
        match self {
            Self::Rows(rows, _) => (rows.len(), rows.iter().map(size).sum()),
            Self::Labels(labels, _) => (labels.len(), labels.len() * 96),
        }
    }

    fn is_urgent(&self) -> bool {
        matches!(self, Self::Labels(..) | Self::Rows(_, Some(_)))
    }
}

/// About the memory of a row. Names and known categories are shared and cost nothing.
fn size(row: &Inference) -> usize {
    let text = |it: &FeatureValue| if let FeatureValue::Text(text) = it { text.len() } else { 0 };
    let values: usize = row.features.iter().map(|it| text(&it.1)).sum();
    let list = row.features.capacity() * size_of::<(std::sync::Arc<str>, FeatureValue)>();
    size_of::<Inference>() + row.id.len() + list + values + row.probabilities.len() * 8
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use signal::Timestamp;

    use super::*;

    fn rows(n: usize) -> Vec<Inference> {
        let row = Inference {
            id: "a".into(),
            time: Timestamp::default(),
            model: "m".into(),
            version: "1".into(),
            features: vec![],
            prediction: 1.0.into(),
            probability: None,
            probabilities: vec![],
            latency_ms: 0.0,
            is_shadow: false,
        };
        vec![row; n]
    }

    #[test]
    fn what_does_not_fit_is_given_back_and_nothing_else() {
        let queue = Queue::new(10, usize::MAX / 2);
        assert!(queue.push(Item::Rows(rows(6), None)).is_ok());
        assert!(queue.push(Item::Rows(rows(5), None)).is_err());
        assert!(queue.push(Item::Rows(rows(4), None)).is_ok());
        assert_eq!(queue.depth().0, 10);
        assert_eq!(queue.pop(7, LINGER).unwrap().len(), 2);
        assert_eq!(queue.depth(), (0, 0));
        assert_eq!(queue.pop(7, LINGER).map(|it| it.len()), Some(0), "nothing came in time");
        // A batch larger than the queue passes an empty one.
        assert!(queue.push(Item::Rows(rows(30), None)).is_ok());
        assert!(queue.push(Item::Rows(rows(1), None)).is_err());
        assert_eq!(queue.pop(1, LINGER).unwrap().len(), 1);
        queue.close();
        assert!(queue.push(Item::Rows(rows(1), None)).is_err());
        assert!(queue.pop(1, LINGER).is_none());
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = Queue::new(1000, 3 * size(&rows(1)[0]));
        let accepted = (0..10).filter(|_| queue.push(Item::Rows(rows(1), None)).is_ok()).count();
        assert_eq!(accepted, 3);
    }

    #[test]
    fn a_writer_that_waits_is_woken() {
        let queue = Arc::new(Queue::new(10, 100_000));
        let other = Arc::clone(&queue);
        let writer = std::thread::spawn(move || {
            let mut n = 0;
            while let Some(items) = other.pop(100, LINGER) {
                n += items.len();
            }
            n
        });
        let mut n = 0;
        while n < 1000 {
            n += usize::from(queue.push(Item::Rows(rows(1), None)).is_ok());
        }
        queue.close();
        assert_eq!(writer.join().unwrap(), 1000);
    }
}
