//! The tokens that were ended one by one, each until it would have expired anyway.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use crate::domain::AccessKey;

/// The first 128 bits of a token's key. Ids of tokens are random and ours, so that nobody can look
/// for two with the same.
type EndedKey = [u8; 16];

/// Entries of the heap that may be out of date before it is made anew, beside as many as are live.
const STALE_ENTRIES: usize = 1_024;

/// A set of tokens that forgets them as they expire. What has not expired costs it nothing
/// meanwhile: a token is looked at twice, when it is added and when it goes.
#[derive(Debug, Default)]
pub(super) struct EndedTokens {
    /// When each expires, in seconds since 1970. 32 bits last until 2106; what expires later is
    /// kept until then.
    expiry: HashMap<EndedKey, u32>,
    /// The same, the next to expire on top. An entry is out of date when `expiry` says otherwise.
    next: BinaryHeap<Reverse<(u32, EndedKey)>>,
}

impl EndedTokens {
    /// Adds a token, or changes when it expires.
    pub(super) fn insert(&mut self, key: &AccessKey, expires_at: i64) {
        let key = shortened(key);
        let expires_at = u32::try_from(expires_at.max(0)).unwrap_or(u32::MAX);
        if self.expiry.insert(key, expires_at) != Some(expires_at) {
            self.next.push(Reverse((expires_at, key)));
        }
    }

    /// Whether the token was ended and has not expired since.
    pub(super) fn contains(&self, key: &AccessKey) -> bool {
        self.expiry.contains_key(&shortened(key))
    }

    /// Forgets the tokens that expired before `now`, in seconds since 1970.
    pub(super) fn expire(&mut self, now: i64) {
        while let Some(&Reverse((expires_at, key))) = self.next.peek()
            && i64::from(expires_at) < now
        {
            self.next.pop();
            if self.expiry.get(&key) == Some(&expires_at) {
                self.expiry.remove(&key);
            }
        }
        let live = self.expiry.len();
        if self.next.len() > 2 * live + STALE_ENTRIES {
            let entries = self.expiry.iter();
            self.next = entries.map(|(&key, &at)| Reverse((at, key))).collect();
        }
        if self.expiry.capacity() > 4 * (live + STALE_ENTRIES) {
            self.expiry.shrink_to(2 * live);
            self.next.shrink_to(2 * live);
        }
    }

    /// How many are live.
    pub(super) fn len(&self) -> usize {
        self.expiry.len()
    }
}

fn shortened(key: &AccessKey) -> EndedKey {
    *key.first_chunk().unwrap_or(&[0; 16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> AccessKey {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_le_bytes());
        key
    }

    #[test]
    fn each_goes_in_its_own_time_whatever_the_order_in_which_they_came() {
        let mut ended = EndedTokens::default();
        for number in 0..1_000 {
            ended.insert(&key(number), i64::from(number * 7 % 1_000));
        }
        for (now, left) in [(0, 1_000), (1, 999), (500, 500), (999, 1)] {
            ended.expire(now);
            assert_eq!(ended.len(), left);
        }
        assert!(ended.contains(&key(857)), "it expires last");
        ended.expire(1_000);
        assert_eq!((ended.len(), ended.next.len()), (0, 0));
    }

    #[test]
    fn one_whose_time_changes_goes_at_the_new_time() {
        let mut ended = EndedTokens::default();
        ended.insert(&key(1), 100);
        ended.insert(&key(1), 50);
        ended.insert(&key(2), 50);
        ended.insert(&key(2), 100);
        ended.expire(51);
        assert!(!ended.contains(&key(1)) && ended.contains(&key(2)));
        ended.insert(&key(3), i64::MAX);
        ended.insert(&key(4), i64::MIN);
        ended.expire(101);
        assert_eq!(ended.len(), 1, "that of the far future");
    }

    #[test]
    fn what_is_taken_back_leaves_no_memory_behind() {
        let mut ended = EndedTokens::default();
        for number in 0..100_000 {
            ended.insert(&key(number), 1_000_000);
        }
        for number in 0..99_000 {
            ended.insert(&key(number), 0);
        }
        ended.expire(1);
        assert_eq!(ended.len(), 1_000);
        assert!(ended.next.len() <= 2 * 1_000 + STALE_ENTRIES);
        assert!(ended.expiry.capacity() <= 4 * (1_000 + STALE_ENTRIES));
        assert!(ended.next.capacity() <= 4 * (1_000 + STALE_ENTRIES));
    }
}
