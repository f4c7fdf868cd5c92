//! How much may one expansion do? No rule file may hold up the server or fill its memory.

/// Blocks or parentheses within one another, as written.
pub const MAX_DEPTH: usize = 50;
/// Blocks, parentheses and templates within one another, as they are gone through.
pub const MAX_RUN_DEPTH: usize = 100;
/// Bytes of the text that comes out, and of any text on the way.
pub const MAX_BYTES: usize = 1 << 20;
const MAX_QUERIES: usize = 100;
const MAX_ITERATIONS: usize = 10_000;
/// Bytes of texts made, and steps by their weight.
const MAX_WORK: usize = 16 << 20;
/// A step takes as long as a text of so many bytes.
const STEP: usize = 16;

/// What an expansion has used.
#[derive(Default)]
pub struct Budget {
    n_queries: usize,
    n_iterations: usize,
    work: usize,
}

impl Budget {
    pub fn query(&mut self) -> Result<(), String> {
        self.n_queries += 1;
        if self.n_queries > MAX_QUERIES { Err(format!("more than {MAX_QUERIES} queries")) } else { Ok(()) }
    }

    pub fn iteration(&mut self) -> Result<(), String> {
        self.n_iterations += 1;
        if self.n_iterations > MAX_ITERATIONS {
            return Err(format!("`range` has gone round more than {MAX_ITERATIONS} times"));
        }
        Ok(())
    }

    /// A step, which has made a text of so many bytes.
    pub fn work(&mut self, n_bytes: usize) -> Result<(), String> {
        if n_bytes > MAX_BYTES {
            return Err(format!("a text of more than {MAX_BYTES} bytes"));
        }
        self.work = self.work.saturating_add(n_bytes).saturating_add(STEP);
        if self.work > MAX_WORK { Err("too much work for one text".to_owned()) } else { Ok(()) }
    }
}
