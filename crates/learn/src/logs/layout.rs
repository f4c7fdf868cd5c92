//! Where does the message of a line begin? The header is what all lines of a source have before it.
//!
//! A header has a timestamp or a level, and what lines of one program have in common around it: a host, a process, a
//! component. One line does not show where its header ends, because `shop: ` may be a component or a word of the
//! message; nearly all lines of a source having a label at that place does. So the fields of many lines are laid above
//! each other, and the layout is the longest row of steps that nearly all lines can take. There is no list of formats.

use serde::{Deserialize, Serialize};

use super::field::{Field, Looks};
use super::syslog;

/// Fields of a line that are looked at.
const MAX_FIELDS: usize = 16;
/// The layout takes steps that at least this share of the lines can take that took those before.
const NEARLY_ALL: f64 = 0.9;
/// A timestamp or level is looked for behind so many fields of any looks.
const MAX_OTHERS: usize = 6;
/// The program's name has at most so many words before its colon, its host included.
const MAX_HOST_WORDS: usize = 2;
/// Lines that are remembered for the next decision.
const MAX_SHAPES: usize = 256;
/// The first decision; the next ones at four times as many lines, up to `SETTLED`.
const FIRST_DECISION: u64 = 16;
const SETTLED: u64 = 4096;
/// When so many were looked at as are remembered, one of so many is; each `SETTLED` lines it is checked that the layout
/// still fits.
const SAMPLED: u64 = 8;
/// A settled layout that fits at least this share of the lines stays.
const STILL_FITS: f64 = 0.5;

/// One field of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    looks: Looks,
    /// So many fields of any looks stand before it; for `is_up_to` at most so many.
    others: usize,
    is_up_to: bool,
}

/// The row of steps that leads through a header; empty if lines have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Layout {
    steps: Vec<Step>,
    /// With so many steps taken it is a header, though perhaps a shorter one.
    least: usize,
}

/// The looks of the fields that a line begins with.
#[derive(Clone, Copy, Debug)]
struct Shape {
    fields: [Looks; MAX_FIELDS],
    count: usize,
}

/// Finds the headers of the lines of one source.
///
/// It begins without any idea, decides when it has seen 16 lines, and again at 64, 256, 1024 and 4096; then the layout
/// only changes if most lines do not fit it any more. Memory is below 8 KiB, a line costs the reading of its header.
///
/// It fails where a source mixes several formats of nearly the same frequency, and where a component is a plain word
/// with nothing behind it: then the header ends before it.
///
/// ```
/// use learn::logs::HeaderFinder;
///
/// let lines = ["10:00:01 INFO cart: put 3", "10:00:02 WARN cart: low", "10:00:02 INFO shop.Pay: paid", "10:00:03 INFO ui: hi"];
/// let finder = HeaderFinder::of(lines);
/// assert_eq!(lines.map(|it| finder.message(it)), ["put 3", "low", "paid", "hi"]);
/// assert_eq!(finder.message("  at Cart.put(Cart.java:7)"), "  at Cart.put(Cart.java:7)");
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HeaderFinder {
    layout: Layout,
    /// Lines seen lately; after a restart others are soon seen.
    #[serde(skip)]
    shapes: Vec<Shape>,
    #[serde(skip)]
    next: usize,
    seen: u64,
}

impl HeaderFinder {
    /// Decided by all of the lines at once, so that the first line is read as the last one is. Of many lines every few
    /// are looked at.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str, IntoIter: ExactSizeIterator>) -> Self {
        let lines = lines.into_iter();
        let every = lines.len().div_ceil(MAX_SHAPES).max(1);
        let shapes: Vec<Shape> = lines.step_by(every).map(Shape::of).filter(|it| it.count > 0).collect();
        Self { layout: Layout::of(&shapes), seen: SETTLED, ..Self::default() }
    }

    /// Learns a line; true if it showed that headers are other than was thought.
    pub fn learn_one(&mut self, line: &str) -> bool {
        self.seen += 1;
        if self.seen > MAX_SHAPES as u64 && !self.seen.is_multiple_of(SAMPLED) {
            return false;
        }
        let shape = Shape::of(line);
        match self.shapes.get_mut(self.next) {
            Some(place) => *place = shape,
            None => self.shapes.push(shape),
        }
        self.next = (self.next + 1) % MAX_SHAPES;
        self.is_due() && self.decide()
    }

    /// The line without its header; all of a line that has none or another one.
    pub fn message<'a>(&self, line: &'a str) -> &'a str {
        line.get(self.layout.length(line.as_bytes())..).unwrap_or(line)
    }

    fn is_due(&self) -> bool {
        let is_early = self.seen.is_power_of_two() && self.seen.trailing_zeros().is_multiple_of(2);
        self.seen.is_multiple_of(SETTLED) || is_early && (FIRST_DECISION..SETTLED).contains(&self.seen)
    }

    fn decide(&mut self) -> bool {
        let fitting = self.shapes.iter().filter(|it| self.layout.fits(it)).count();
        if self.seen > SETTLED && fitting as f64 >= STILL_FITS * self.shapes.len() as f64 {
            return false;
        }
        let layout = Layout::of(&self.shapes);
        let is_new = layout != self.layout;
        self.layout = layout;
        is_new
    }
}

impl Shape {
    fn of(line: &str) -> Self {
        let mut shape = Self { fields: [Looks::default(); MAX_FIELDS], count: 0 };
        let mut fields = Fields::of(line.as_bytes());
        for place in &mut shape.fields {
            let Some(field) = fields.next(Looks::ALL) else { break };
            *place = field.looks;
            shape.count += 1;
        }
        shape
    }

    fn looks(&self, idx: usize) -> Looks {
        self.fields.get(idx).copied().unwrap_or_default()
    }
}

/// Reads field after field.
struct Fields<'a> {
    line: &'a [u8],
    at: usize,
    /// A header of RFC 5424 is behind us and was not told yet.
    structured: bool,
    is_glued: bool,
}

impl<'a> Fields<'a> {
    fn of(line: &'a [u8]) -> Self {
        let at = line.len() - line.trim_ascii_start().len();
        let structured = syslog::structured(line.get(at..).unwrap_or_default());
        let at = at + structured.unwrap_or_else(|| syslog::priority(line.get(at..).unwrap_or_default()));
        Self { line, at, structured: structured.is_some(), is_glued: false }
    }
}

impl Fields<'_> {
    fn next(&mut self, wanted: Looks) -> Option<Field> {
        if std::mem::take(&mut self.structured) {
            return Some(Field { looks: Looks::STRUCTURED, length: self.at });
        }
        let rest = self.line.get(self.at..)?;
        let glued = if self.is_glued { Field::read_glued(rest) } else { None };
        let field = glued.or_else(|| Field::read(rest, wanted))?;
        self.at += field.length;
        self.is_glued = field.looks == Looks::LEVEL && self.line.get(self.at - 1) == Some(&b':');
        Some(field)
    }
}

/// A line on its way through a layout that is being made.
#[derive(Clone, Copy)]
struct Walk<'a> {
    shape: &'a Shape,
    at: usize,
}

impl Walk<'_> {
    /// Where the step leads to.
    fn take(&self, step: Step) -> Option<usize> {
        let from = if step.is_up_to { 0 } else { step.others };
        let found = (from..=step.others).find(|it| self.shape.looks(self.at + it).has(step.looks))?;
        (self.at + found < self.shape.count).then_some(self.at + found + 1)
    }
}

impl Layout {
    fn of(shapes: &[Shape]) -> Self {
        let mut walks: Vec<Walk> = shapes.iter().map(|shape| Walk { shape, at: 0 }).collect();
        let mut layout = Self::default();
        let mut past = Past::default();
        while let Some(step) = next_step(&walks, &past).filter(|_| layout.steps.len() < MAX_FIELDS) {
            walks = walks.iter().filter_map(|it| Some(Walk { shape: it.shape, at: it.take(step)? })).collect();
            layout.steps.push(step);
            past.add(step);
            if past.has_anchor && layout.least == 0 {
                layout.least = layout.steps.len();
            }
        }
        if past.has_anchor { layout } else { Self::default() }
    }

    fn fits(&self, shape: &Shape) -> bool {
        let walk = |at, step: &Step| Walk { shape, at }.take(*step);
        !self.steps.is_empty() && self.steps.iter().try_fold(0, walk).is_some()
    }

    /// Bytes of the header of a line.
    fn length(&self, line: &[u8]) -> usize {
        if self.steps.is_empty() {
            return 0;
        }
        let mut fields = Fields::of(line);
        let (mut length, mut has_odd) = (0, false);
        for (idx, step) in self.steps.iter().enumerate() {
            match pass(&mut fields, *step) {
                Pass::Taken(end) if idx + 1 >= self.least => length = end,
                Pass::Taken(_) => {}
                // One field may be other than usual if what comes after it is not.
                Pass::Odd if !has_odd && !step.is_anchor() => has_odd = true,
                Pass::Odd | Pass::Blocked => break,
            }
        }
        // A line that is nothing but header says what its last field says.
        if length < line.len() { length } else { 0 }
    }
}

impl Step {
    fn is_anchor(self) -> bool {
        self.looks.has(Looks::TIME) || self.looks.has(Looks::LEVEL)
    }
}

/// How a step through a line ended.
enum Pass {
    /// At this byte.
    Taken(usize),
    /// The field is there, but looks otherwise.
    Odd,
    Blocked,
}

fn pass(fields: &mut Fields, step: Step) -> Pass {
    for idx in 0..=step.others {
        let is_candidate = step.is_up_to || idx == step.others;
        let wanted = if is_candidate { step.looks } else { Looks::default() };
        let Some(field) = fields.next(wanted) else { return Pass::Blocked };
        if is_candidate && field.looks.has(step.looks) {
            return Pass::Taken(fields.at);
        }
    }
    if step.is_up_to { Pass::Blocked } else { Pass::Odd }
}

/// What the layout has already.
#[derive(Debug, Default)]
struct Past {
    steps: usize,
    has_anchor: bool,
    has_level: bool,
    has_label: bool,
}

impl Past {
    fn add(&mut self, step: Step) {
        self.steps += 1;
        self.has_anchor |= step.is_anchor();
        self.has_level |= step.looks.has(Looks::LEVEL);
        self.has_label |= step.looks == Looks::LABEL || step.looks == Looks::STRUCTURED;
    }
}

/// The next step that nearly all lines can take.
fn next_step(walks: &[Walk], past: &Past) -> Option<Step> {
    let can_take = |step: &Step| {
        let count = walks.iter().filter(|it| it.take(*step).is_some()).count();
        !walks.is_empty() && count as f64 >= NEARLY_ALL * walks.len() as f64
    };
    let exact = |looks, others| Step { looks, others, is_up_to: false };
    let up_to = |looks, others| Step { looks, others, is_up_to: true };
    let mut candidates = vec![exact(Looks::STRUCTURED, 0), exact(Looks::TIME, 0), exact(Looks::LEVEL, 0)];
    if past.has_label {
        // Behind the component only a level or a time still belongs to the header.
        return candidates.into_iter().find(can_take);
    }
    candidates.extend([Looks::BRACKET, Looks::LABEL, Looks::MARK, Looks::MASKED, Looks::NAME].map(|it| exact(it, 0)));
    if past.steps > 0 {
        candidates.push(exact(Looks::CELL, 0));
        if past.has_anchor && !past.has_level {
            candidates.push(up_to(Looks::LABEL, MAX_HOST_WORDS));
            candidates.push(up_to(Looks::MARK, MAX_HOST_WORDS));
        }
        if past.has_level {
            candidates.push(up_to(Looks::MARK, 1));
        }
        candidates.extend((1..=MAX_OTHERS).flat_map(|it| [exact(Looks::TIME, it), exact(Looks::LEVEL, it)]));
    }
    candidates.into_iter().find(can_take)
}
