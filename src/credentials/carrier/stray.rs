//! A manifest store without a frame that a reader would recognise.

use std::ops::Range;

/// What the description of every C2PA store begins with: the type of its box and the identifier of
/// C2PA (C2PA 2.4, 11.1.4.2).
const MARK: [u8; 20] = *b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71";
/// Length and type of the superbox, and the length of its description, which come before the mark.
const BEFORE: usize = 12;

/// Finds the first store anywhere in a file.
///
/// Steps from mark to mark by Horspool's rule (Software: Practice and Experience 10, 1980): most
/// bytes are in no mark, and of those only every twentieth is looked at.
pub(super) fn find(file: &[u8]) -> Option<Range<usize>> {
    let mut step = [MARK.len(); 256];
    for (at, &byte) in MARK.iter().enumerate().take(MARK.len() - 1) {
        step[usize::from(byte)] = MARK.len() - 1 - at;
    }
    let mut position = 0;
    while let Some(window) = file.get(position..position + MARK.len()) {
        if window == MARK {
            let start = position.saturating_sub(BEFORE);
            return Some(start..end_of_box(file, start));
        }
        position += step[usize::from(window[MARK.len() - 1])];
    }
    None
}

/// Returns where a box says that it ends; the end of the file, if it says nonsense.
fn end_of_box(file: &[u8], start: usize) -> usize {
    let claimed = file[start..].first_chunk().map(|&l| u32::from_be_bytes(l));
    let length = claimed.map_or(0, |length| length as usize);
    match start.checked_add(length) {
        Some(end) if length >= BEFORE + MARK.len() && end <= file.len() => end,
        _ => file.len(),
    }
}
