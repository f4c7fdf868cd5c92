//! What has been spent, and is there enough for another turn with tools? The last turn must still be paid.

use crate::{Budget, Limits, Usage};

/// Bytes of a token, where a provider does not count.
const BYTES_PER_TOKEN: u64 = 4;

/// What one conversation has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spending {
    /// Turns.
    pub turns: u32,
    /// Calls of tools.
    pub calls: u32,
    /// Tokens, read and written.
    pub tokens: (u64, u64),
    /// US dollars, as far as prices are known.
    pub dollars: f64,
    /// Tokens and dollars of the turn before.
    last: (u64, f64),
    /// Turns in a row whose calls had all been made before.
    pub idle_turns: u32,
}

impl Spending {
    /// Adds a turn; what the provider does not count is estimated by its bytes.
    pub fn turn(&mut self, usage: Usage, dollars: f64, asked_bytes: usize, said_bytes: usize) {
        let or_estimate =
            |counted: u64, bytes: usize| if counted > 0 { counted } else { bytes as u64 / BYTES_PER_TOKEN };
        let (read, written) =
            (or_estimate(usage.input_tokens, asked_bytes), or_estimate(usage.output_tokens, said_bytes));
        self.last = (read + written, dollars);
        self.tokens = (self.tokens.0 + read, self.tokens.1 + written);
        self.dollars += dollars;
        self.turns += 1;
    }

    /// True if the next turn must be the last one.
    pub fn is_last(&self, budget: &Budget, limits: &Limits) -> bool {
        // What was said comes back to be read, with what tools answer to it: about three more turns like the last one.
        let tokens = self.tokens.0 + self.tokens.1 + 3 * self.last.0;
        self.turns + 1 >= budget.max_steps
            || self.calls >= limits.max_calls
            || self.idle_turns >= 2
            || tokens > budget.max_tokens
            || self.dollars + 3.0 * self.last.1 > budget.max_dollars
    }

    /// True if there is not even enough for the answer.
    pub fn is_over(&self, budget: &Budget) -> bool {
        self.turns >= budget.max_steps
            || self.tokens.0 + self.tokens.1 >= budget.max_tokens
            || self.dollars > budget.max_dollars
    }
}
