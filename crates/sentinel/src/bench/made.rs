//! Which log lines does a bench make, and how many random bits are in them, below which no code can write them?

/// Bits of what is drawn: a number of 32 bits, an identity, a byte, a name of nine letters.
const ID: f64 = 32.0;
const HEX: f64 = 64.0;
const BYTE: f64 = 8.0;
const NAME_LETTERS: u32 = 9;
/// Lines are of so many kinds.
const KINDS: u8 = 9;

/// A line with what nothing foretells of it.
pub(super) struct MadeLine {
    pub text: String,
    /// Each value once, however often the line tells it, and which kind of line it is.
    pub random_bits: f64,
}

/// A line as services write them, with values that do not come again: numbers, ids and addresses, and in a third of the
/// lines a name, which nothing but its many values shows to be a variable.
pub(super) fn line(random: &mut fastrand::Rng) -> MadeLine {
    let (id, hex, byte) = (random.u32(..), random.u64(..), random.u8(..));
    let name: String = (0..NAME_LETTERS).map(|_| random.lowercase()).collect();
    let name_bits = 26_f64.log2() * f64::from(NAME_LETTERS);
    let (text, bits) = match random.u8(..KINDS) {
        0 => (format!("request {hex:016x} finished in {} ms", random.u32(1..900)), HEX + 899_f64.log2()),
        1 => (
            format!("GET /carts/{id}?page={byte} 200 in 12.{byte} ms client=10.0.3.{byte} request_id={hex:016x}"),
            ID + BYTE + HEX,
        ),
        2 => (format!("connection from 10.0.{byte}.7:{} accepted", random.u16(..)), BYTE + 16.0),
        3 => (
            format!("payment {id} of {:.2} EUR authorized by bank-{byte}", random.f64() * 100.0),
            ID + 10_000_f64.log2() + BYTE,
        ),
        4 => (format!(r#"{{"level":"info","msg":"cache miss","key":"{hex:x}","took":{byte}}}"#), HEX + BYTE),
        5 => (
            format!("Unhandled exception at PriceRules.apply(PriceRules.java:{byte}) request_id={hex:016x}"),
            BYTE + HEX,
        ),
        6 => (format!("Failed password for {name} from 10.0.3.{byte} port {id} ssh2"), name_bits + BYTE + ID),
        7 => (format!("session opened for user {name} by (uid={id})"), name_bits + ID),
        _ => (format!("stored block {id} in {name} (estimated size {byte}.5 KB, free {id} MB)"), ID + name_bits + BYTE),
    };
    MadeLine { text, random_bits: bits + f64::from(KINDS).log2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_mostly_random() {
        let mut random = fastrand::Rng::with_seed(1);
        let lines: Vec<MadeLine> = (0..9000).map(|_| line(&mut random)).collect();
        let text: usize = lines.iter().map(|it| it.text.len() + 1).sum();
        let bytes = lines.iter().map(|it| it.random_bits).sum::<f64>() / 8.0;
        // Nine bytes of a line: no code writes it to an eighth.
        assert!((7.0..7.4).contains(&(text as f64 / bytes)), "{}", text as f64 / bytes);
    }
}
