//! Which rows are kept back for the test? The same that scikit-learn's `train_test_split` keeps back with this seed, so
//! that figures can be laid beside those of a notebook.
//!
//! It takes the front of a permutation that NumPy's legacy generator draws (`RandomState(seed).permutation(n)`): the
//! Mersenne Twister of Matsumoto and Nishimura (1998) and the shuffle of Fisher and Yates with masked rejection.

/// Numbers of the training rows and of the test rows, both in the order in which scikit-learn gives them.
pub fn train_and_test(n: usize, test_share: f64, seed: u32) -> (Vec<usize>, Vec<usize>) {
    let n_test = ((n as f64 * test_share).ceil() as usize).min(n);
    let mut test = permutation(n, seed);
    let train = test.split_off(n_test);
    (train, test)
}

fn permutation(n: usize, seed: u32) -> Vec<usize> {
    let mut twister = Twister::new(seed);
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last, twister.up_to(last as u32) as usize);
    }
    order
}

const LENGTH: usize = 624;
const MIDDLE: usize = 397;

/// MT19937.
struct Twister {
    state: [u32; LENGTH],
    next: usize,
}

impl Twister {
    fn new(seed: u32) -> Self {
        let (mut state, mut word) = ([0; LENGTH], seed);
        for (place, idx) in state.iter_mut().zip(1_u32..) {
            *place = word;
            word = 1_812_433_253_u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(idx);
        }
        Self { state, next: LENGTH }
    }

    fn at(&self, idx: usize) -> u32 {
        self.state.get(idx % LENGTH).copied().unwrap_or(0)
    }

    fn twist(&mut self) {
        for idx in 0..LENGTH {
            let joined = (self.at(idx) & 0x8000_0000) | (self.at(idx + 1) & 0x7fff_ffff);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            let word = self.at(idx + MIDDLE) ^ (joined >> 1) ^ odd;
            if let Some(place) = self.state.get_mut(idx) {
                *place = word;
            }
        }
        self.next = 0;
    }

    fn word(&mut self) -> u32 {
        if self.next >= LENGTH {
            self.twist();
        }
        let mut word = self.at(self.next);
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// A number from 0 to `most`, each as likely: words with only the bits that are needed, until one is small enough.
    fn up_to(&mut self, most: u32) -> u32 {
        let mask = u32::MAX.checked_shr(most.leading_zeros()).unwrap_or(0);
        loop {
            let word = self.word() & mask;
            if word <= most {
                return word;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_split_is_that_of_scikit_learn() {
        // numpy.random.RandomState(42).permutation(10), and train_test_split(range(10), test_size=0.2, random_state=42).
        assert_eq!(permutation(10, 42), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
        assert_eq!(train_and_test(10, 0.2, 42), (vec![5, 0, 7, 2, 9, 4, 3, 6], vec![8, 1]));
        assert_eq!(train_and_test(0, 0.2, 42), (vec![], vec![]));
        assert_eq!(train_and_test(1, 0.2, 42), (vec![], vec![0]));
    }
}
