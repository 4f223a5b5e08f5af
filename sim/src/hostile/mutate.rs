//! Small changes to good inputs, as a fuzzer makes them: the same draws make the same inputs.

use domain::random::SplitMix64;

/// Longest input made.
const BYTES_MAX: usize = 16 << 10;
/// Changes made to one input, at most.
const CHANGES_MAX: u64 = 4;
/// Pieces that parsers stumble over.
const PIECES: [&[u8]; 24] = [
    b"0",
    b"-1",
    b"1e309",
    b"9223372036854775808",
    b"4294967296",
    b"0.0000001",
    b"NaN",
    b"null",
    b"\"\"",
    b"[]",
    b"{}",
    b"[[[[[[[[",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xc3",
    b"\0",
    b"%00",
    b"%",
    b"${AUCTION_PRICE}",
    b"${",
    b"]]>",
    b"\r\n",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
];

/// One of the seeds with a few changes, or noise where there are none.
pub fn mutate(rng: &mut SplitMix64, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut input = rng.pick(seeds).cloned().unwrap_or_default();
    for _ in 0..=rng.below(CHANGES_MAX) {
        change(rng, &mut input, seeds);
    }
    input.truncate(BYTES_MAX);
    input
}

fn change(rng: &mut SplitMix64, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let (from, to) = range(rng, input.len());
    match rng.below(8) {
        0 => {
            if let Some(byte) = input.get_mut(from) {
                *byte ^= 1 << rng.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(from) {
                *byte = rng.below(256) as u8;
            }
        }
        2 => input.truncate(from),
        3 => drop(input.drain(from..to)),
        4 => {
            let twice = input.get(from..to).unwrap_or_default().to_vec();
            put(input, (to, to), &twice);
        }
        5 => {
            let piece = rng.pick(&PIECES).copied().unwrap_or_default();
            put(input, (from, from), piece);
        }
        6 => {
            let piece = rng.pick(&PIECES).copied().unwrap_or_default();
            put(input, (from, to.min(from + piece.len())), piece);
        }
        _ => {
            let other = rng.pick(seeds).cloned().unwrap_or_default();
            let (begin, end) = range(rng, other.len());
            put(input, (from, to), other.get(begin..end).unwrap_or_default());
        }
    }
}

fn put(input: &mut Vec<u8>, (from, to): (usize, usize), piece: &[u8]) {
    input.splice(from..to, piece.iter().copied());
}

/// A short piece of something of this length.
fn range(rng: &mut SplitMix64, length: usize) -> (usize, usize) {
    let from = rng.below(length as u64 + 1) as usize;
    let most = (length - from).min(64) as u64;
    (from, from + rng.below(most + 1) as usize)
}
