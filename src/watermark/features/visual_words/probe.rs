//! Visual words of uncertain numbers: the one that they make, and the ones that they nearly make.
//!
//! A number is given in standard deviations of the change that copying makes. The chance that a
//! copy's number lies on the other side of zero falls with its square, and numbers change nearly
//! independently; so the sum of the squares over the flipped bits orders the words by probability
//! (Lv et al., 2007, section 4.3).

/// Bits of a word that are taken as uncertain.
const UNCERTAIN: usize = 6;

/// Returns the word of some numbers: bit i is set if number i is positive.
pub(in crate::watermark) fn word_of(numbers: &[f32]) -> u32 {
    numbers.iter().enumerate().fold(0, |word, (bit, &number)| {
        word | u32::from(number > 0.0) << bit
    })
}

/// Returns the `most` likeliest words of some numbers with their costs, the word itself first at
/// cost 0.
///
/// There are at least 6 numbers and at most 32.
pub(in crate::watermark) fn probes(numbers: &[f32], most: usize) -> Vec<(f32, u32)> {
    let word = word_of(numbers);
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[a].abs().total_cmp(&numbers[b].abs()));
    let uncertain: Vec<(f32, u32)> = order
        .iter()
        .take(UNCERTAIN)
        .map(|&bit| (numbers[bit] * numbers[bit], 1 << bit))
        .collect();
    let mut found: Vec<(f32, u32)> = (0..1_u32 << uncertain.len())
        .map(|subset| {
            uncertain
                .iter()
                .enumerate()
                .filter(|(position, _)| subset >> position & 1 == 1)
                .fold((0.0, word), |(cost, word), (_, (square, bit))| {
                    (cost + square, word ^ bit)
                })
        })
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_certain_bits_flip_first() {
        let numbers = [3.0, -0.5, 2.0, 0.1, -4.0, 1.0, 5.0, -6.0];
        let word = word_of(&numbers);
        assert_eq!(word, 0b0110_1101);
        let found = probes(&numbers, 5);
        let flips: Vec<u32> = found.iter().map(|(_, other)| word ^ other).collect();
        assert_eq!(flips, [0, 1 << 3, 1 << 1, 1 << 1 | 1 << 3, 1 << 5]);
        assert!(found.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert_eq!(probes(&numbers, 1000).len(), 64);
    }
}
