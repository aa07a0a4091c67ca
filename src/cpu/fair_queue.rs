//! Whose turn it is: a queue for each party, served by the CPU time that each has had.
//!
//! Of the parties that wait, the one that has had least is next, and each job is charged with what
//! it took once that is known; until then with what jobs take on average. A party that comes back
//! starts at the present level, so that nobody saves up time while idle, and nobody sheds a debt by
//! a pause. That is start-time fair queueing (Goyal, Vin and Cheng, IEEE/ACM Transactions on
//! Networking 5, 1997) with costs that are measured afterwards. Deficit round robin (Shreedhar and
//! Varghese, SIGCOMM 1995) gives the same shares, but must know what a job costs before it runs.
//!
//! While others wait, a party may hold at most half of the shares and half of the places. When all
//! places are taken, the party that holds most of them gives one up for a party that holds fewer.
//!
//! Jobs are not interrupted, so the first job of a party would wait until one of another ends,
//! which may take much longer than itself. There is one share more than workers for that: only a
//! party that has nothing running gets it, for a job of one share, and the system's scheduler
//! divides the processors meanwhile.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Weight of a new job in the average of what jobs take.
const NEWEST: f64 = 1.0 / 8.0;

/// Longest time after which a refused party is asked to come again, in seconds.
const LONGEST_RETRY_SECONDS: f64 = 60.0;

/// Whose bound a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The party's own share is used up, and others wait.
    Share,
    /// Every place is taken.
    Server,
}

/// Refusal of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all workers are busy and no more work may wait")]
pub struct Busy {
    /// Whose bound was met.
    pub bound: Bound,
    /// When it is worth trying again: about the time that the jobs take which wait before it.
    pub retry_after_seconds: u32,
}

/// A job that may start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Start {
    pub(super) ticket: u64,
    /// Seconds of CPU that it was charged with in advance.
    pub(super) charged: f64,
    /// It has the share that is kept for first jobs.
    pub(super) extra: bool,
}

/// A job that got a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entered {
    pub(super) ticket: u64,
    /// A job of another party that gave up its place, and what that party is told.
    pub(super) displaced: Option<(u64, Busy)>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    ticket: u64,
    shares: u32,
}

#[derive(Debug)]
struct Party {
    /// CPU seconds that it has had, on the scale of [`FairQueue::level`].
    had: f64,
    /// Shares that its running jobs hold.
    held: u32,
    running: usize,
    waiting: VecDeque<Waiting>,
}

impl Party {
    fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }

    /// Whether its next job may have the extra share.
    fn is_first(&self) -> bool {
        self.running == 0 && self.waiting.front().is_some_and(|job| job.shares == 1)
    }
}

/// Jobs that run and jobs that wait, by party. Knows no clock and no threads.
#[derive(Debug)]
pub(super) struct FairQueue<K> {
    parties: HashMap<K, Party>,
    shares: u32,
    free: u32,
    extra_is_free: bool,
    places: usize,
    waiting: usize,
    running: usize,
    /// What the party had that started last: where a party begins that was idle.
    level: f64,
    /// CPU seconds that a share of a job takes on average; 0 until one has finished.
    typical: f64,
    tickets: u64,
}

impl<K: Clone + Eq + Hash> FairQueue<K> {
    /// A queue of `places` in front of `shares` (at least one).
    pub(super) fn new(shares: u32, places: usize) -> Self {
        let shares = shares.max(1);
        Self {
            parties: HashMap::new(),
            shares,
            free: shares,
            extra_is_free: true,
            places,
            waiting: 0,
            running: 0,
            level: 0.0,
            typical: 0.0,
            tickets: 0,
        }
    }

    pub(super) fn running(&self) -> usize {
        self.running
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether a job of `party` would be taken now.
    pub(super) fn admits(&self, party: &K) -> Result<(), Busy> {
        self.place(party, 1).map(|_| ())
    }

    /// Finds a place for a job; the party that has to give up one of its own for it, if there is
    /// none.
    fn place(&self, party: &K, shares: u32) -> Result<Option<&K>, Busy> {
        if self.waiting == 0 && self.free >= shares.min(self.shares) {
            return Ok(None);
        }
        let own = self.parties.get(party);
        if shares == 1 && self.extra_is_free && own.is_none_or(Party::is_idle) {
            return Ok(None);
        }
        let mine = own.map_or(0, |own| own.waiting.len());
        if mine >= (self.places / 2).max(1) && self.waiting > mine {
            return Err(self.share_is_full(mine));
        }
        if self.waiting < self.places {
            return Ok(None);
        }
        let longest = (self.parties.iter()).max_by_key(|(_, other)| other.waiting.len());
        match longest {
            Some((other, theirs)) if theirs.waiting.len() > mine + 1 => Ok(Some(other)),
            _ => Err(Busy {
                bound: Bound::Server,
                retry_after_seconds: self.seconds_for(self.waiting),
            }),
        }
    }

    fn share_is_full(&self, mine: usize) -> Busy {
        let waiting = |party: &&Party| !party.waiting.is_empty();
        let turns = self.parties.values().filter(waiting).count();
        Busy {
            bound: Bound::Share,
            retry_after_seconds: self.seconds_for(mine * turns),
        }
    }

    /// The time that so many jobs take, in whole seconds from 1 on.
    fn seconds_for(&self, jobs: usize) -> u32 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "few jobs, and a result between 1 and the longest time"
        )]
        let seconds = (jobs as f64 * self.typical / f64::from(self.shares))
            .ceil()
            .clamp(1.0, LONGEST_RETRY_SECONDS) as u32;
        seconds
    }

    /// Gives a job of `party` a place. [`FairQueue::next`] tells when it starts.
    pub(super) fn enter(&mut self, party: &K, shares: u32) -> Result<Entered, Busy> {
        let displaced = match self.place(party, shares)?.cloned() {
            Some(other) => self.displace(&other),
            None => None,
        };
        self.tickets += 1;
        let ticket = self.tickets;
        let level = self.level;
        let own = self.parties.entry(party.clone()).or_insert(Party {
            had: level,
            held: 0,
            running: 0,
            waiting: VecDeque::new(),
        });
        if own.is_idle() {
            own.had = own.had.max(level);
        }
        own.waiting.push_back(Waiting {
            ticket,
            shares: shares.min(self.shares),
        });
        self.waiting += 1;
        Ok(Entered { ticket, displaced })
    }

    /// Takes the newest waiting job of `party` out.
    fn displace(&mut self, party: &K) -> Option<(u64, Busy)> {
        let theirs = self.parties.get_mut(party)?;
        let newest = theirs.waiting.pop_back()?;
        let left = theirs.waiting.len();
        self.waiting -= 1;
        Some((newest.ticket, self.share_is_full(left)))
    }

    /// The next job that starts now, if shares are free for it. Freed shares are put aside for a
    /// job that takes several: none overtakes it meanwhile.
    pub(super) fn next(&mut self) -> Option<Start> {
        let half = (self.shares / 2).max(1);
        let next = self.next_party(|_| true, |party| party.held >= half)?;
        let wanted = self.parties.get(&next)?.waiting.front()?.shares;
        if wanted <= self.free {
            return self.start(&next, false);
        }
        if !self.extra_is_free {
            return None;
        }
        let first = self.next_party(Party::is_first, |_| false)?;
        self.start(&first, true)
    }

    /// Of the parties that wait and are `eligible`, the one that has had least; those that come
    /// `last` after the others.
    fn next_party(
        &self,
        eligible: impl Fn(&Party) -> bool,
        last: impl Fn(&Party) -> bool,
    ) -> Option<K> {
        let waiting = self.parties.iter().filter_map(|(key, party)| {
            let front = party.waiting.front().filter(|_| eligible(party))?;
            Some((last(party), party.had, front.ticket, key))
        });
        let next = waiting.min_by(|a, b| {
            (a.0.cmp(&b.0))
                .then(a.1.total_cmp(&b.1))
                .then(a.2.cmp(&b.2))
        });
        next.map(|(_, _, _, key)| key.clone())
    }

    fn start(&mut self, party: &K, extra: bool) -> Option<Start> {
        let own = self.parties.get_mut(party)?;
        let Waiting { ticket, shares } = own.waiting.pop_front()?;
        self.level = self.level.max(own.had);
        let charged = self.typical * f64::from(shares);
        own.had += charged;
        own.running += 1;
        if extra {
            self.extra_is_free = false;
        } else {
            own.held += shares;
            self.free -= shares;
        }
        self.waiting -= 1;
        self.running += 1;
        Some(Start {
            ticket,
            charged,
            extra,
        })
    }

    /// Takes a job out that still waits; false if it does not.
    pub(super) fn leave(&mut self, party: &K, ticket: u64) -> bool {
        let Some(own) = self.parties.get_mut(party) else {
            return false;
        };
        let Some(index) = own.waiting.iter().position(|job| job.ticket == ticket) else {
            return false;
        };
        own.waiting.remove(index);
        self.waiting -= 1;
        self.forget_idle();
        true
    }

    /// A job is over that asked for `shares` and took `seconds` of CPU.
    pub(super) fn finish(&mut self, party: &K, shares: u32, start: Start, seconds: f64) {
        let shares = shares.min(self.shares);
        if let Some(own) = self.parties.get_mut(party) {
            // A job holds all of its shares, however many threads it runs on.
            own.had += seconds * f64::from(shares) - start.charged;
            own.held -= if start.extra { 0 } else { shares };
            own.running -= 1;
        }
        if start.extra {
            self.extra_is_free = true;
        } else {
            self.free += shares;
        }
        self.typical = if self.typical > 0.0 {
            self.typical + (seconds - self.typical) * NEWEST
        } else {
            seconds
        };
        self.running -= 1;
        self.forget_idle();
    }

    /// Forgets who is idle and owes nothing.
    fn forget_idle(&mut self) {
        if self.running + self.waiting == 0 {
            self.parties.clear();
            self.level = 0.0;
            return;
        }
        let level = self.level;
        self.parties
            .retain(|_, party| !party.is_idle() || party.had > level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts what can start; the tickets.
    fn start(queue: &mut FairQueue<&'static str>) -> Vec<Start> {
        std::iter::from_fn(|| queue.next()).collect()
    }

    fn busy(queue: &FairQueue<&'static str>, party: &'static str) -> Option<Bound> {
        queue.admits(&party).err().map(|busy| busy.bound)
    }

    /// Runs parties that always have `waiting` jobs of so many seconds, until `until` seconds have
    /// passed; the CPU seconds that each had.
    fn press(shares: u32, until: f64, parties: &[(&'static str, f64, usize)]) -> Vec<f64> {
        let mut queue = FairQueue::new(shares, 32);
        let mut owners = HashMap::new();
        let mut running: Vec<(f64, Start)> = Vec::new();
        let mut had = vec![0.0; parties.len()];
        let mut now = 0.0;
        while now < until {
            for (index, (party, _, waiting)) in parties.iter().enumerate() {
                let inside = |owners: &HashMap<u64, usize>| {
                    owners.values().filter(|owner| **owner == index).count()
                };
                while inside(&owners) < *waiting {
                    match queue.enter(party, 1) {
                        Ok(entered) => {
                            owners.insert(entered.ticket, index);
                            if let Some((displaced, _)) = entered.displaced {
                                owners.remove(&displaced);
                            }
                        }
                        Err(_) => break,
                    }
                }
            }
            for job in start(&mut queue) {
                let seconds = parties[owners[&job.ticket]].1;
                running.push((now + seconds, job));
            }
            running.sort_by(|a, b| b.0.total_cmp(&a.0));
            let (end, job) = running.pop().unwrap();
            now = end;
            let index = owners.remove(&job.ticket).unwrap();
            let (party, seconds, _) = parties[index];
            had[index] += seconds;
            queue.finish(&party, 1, job, seconds);
        }
        had
    }

    #[test]
    fn each_party_gets_its_part_of_the_time_however_large_its_jobs_and_its_crowd() {
        for shares in [1, 2, 3, 8] {
            let parties = [("a", 0.4, 200), ("b", 0.05, 20), ("c", 1.1, 8)];
            let had = press(shares, 400.0, &parties);
            let all: f64 = had.iter().sum();
            for part in &had {
                assert!((part / all * 3.0 - 1.0).abs() < 0.05, "{shares}: {had:?}");
            }
        }
    }

    #[test]
    fn a_party_alone_gets_everything() {
        let had = press(2, 100.0, &[("a", 0.4, 200)]);
        assert!(had[0] > 198.0, "{had:?}");
    }

    #[test]
    fn who_comes_to_a_crowd_is_next_and_who_paused_did_not_save_up() {
        let mut queue = FairQueue::new(1, 32);
        for _ in 0..10 {
            queue.enter(&"a", 1).unwrap();
        }
        queue.enter(&"x", 1).unwrap();
        let [first, _] = *start(&mut queue) else {
            panic!("one of each runs")
        };
        let late = queue.enter(&"b", 1).unwrap().ticket;
        queue.finish(&"a", 1, first, 1.0);
        let [next] = *start(&mut queue) else {
            panic!("one runs")
        };
        assert_eq!(next.ticket, late);
        queue.finish(&"b", 1, next, 5.0);
        // What it had is not forgotten by a pause: the others come first for five seconds.
        queue.enter(&"b", 1).unwrap();
        for _ in 0..4 {
            let [next] = *start(&mut queue) else {
                panic!("one runs")
            };
            assert!(next.ticket < late, "{next:?}");
            queue.finish(&"a", 1, next, 1.0);
        }
    }

    #[test]
    fn no_more_than_half_while_others_wait() {
        let mut queue = FairQueue::new(4, 8);
        for _ in 0..8 {
            queue.enter(&"a", 1).unwrap();
        }
        let first = start(&mut queue);
        assert_eq!(
            first.len(),
            4,
            "alone, it gets every share, but for the extra one"
        );
        for _ in 0..4 {
            queue.enter(&"a", 1).unwrap();
        }
        assert_eq!(busy(&queue, "a"), Some(Bound::Server), "alone, every place");
        // The first job of another party has a share of its own.
        assert_eq!(queue.enter(&"b", 1).unwrap().displaced, None);
        assert!(matches!(*start(&mut queue), [Start { extra: true, .. }]));
        // Its next ones get places, up to as many.
        for given in 1..=4 {
            let entered = queue.enter(&"b", 1).unwrap();
            let (_, told) = entered.displaced.unwrap();
            assert_eq!(told.bound, Bound::Share);
            assert_eq!(queue.waiting(), 8, "{given}");
        }
        assert_eq!(busy(&queue, "b"), Some(Bound::Share));
        assert_eq!(busy(&queue, "a"), Some(Bound::Share));
        assert!(queue.enter(&"c", 1).unwrap().displaced.is_some());
        // Half of the shares for the one, the other half for who waits.
        for _ in 0..2 {
            queue.finish(&"a", 1, first[0], 1.0);
        }
        let held = |queue: &FairQueue<&'static str>, party| queue.parties[party].held;
        start(&mut queue);
        assert_eq!(
            (held(&queue, "b") + held(&queue, "c"), held(&queue, "a")),
            (2, 2)
        );
    }

    #[test]
    fn a_large_job_is_waited_for_and_charged_for_all_that_it_holds() {
        let mut queue = FairQueue::new(2, 8);
        queue.enter(&"a", 1).unwrap();
        let [first] = *start(&mut queue) else {
            panic!("one runs")
        };
        let large = queue.enter(&"a", 9).unwrap().ticket;
        queue.enter(&"a", 1).unwrap();
        assert!(start(&mut queue).is_empty(), "nobody overtakes");
        // Another party may have the half that is not taken, and no more.
        queue.enter(&"b", 1).unwrap();
        queue.enter(&"b", 1).unwrap();
        let [other] = *start(&mut queue) else {
            panic!("one runs")
        };
        queue.finish(&"a", 1, first, 1.0);
        assert!(start(&mut queue).is_empty(), "what is free is put aside");
        queue.finish(&"b", 1, other, 1.0);
        let started = start(&mut queue);
        assert_eq!(started[0].ticket, large);
        let had = queue.parties["a"].had;
        queue.finish(&"a", 9, started[0], 1.0);
        let charged = queue.parties["a"].had - had + started[0].charged;
        assert!((charged - 2.0).abs() < 1e-9, "{charged}");
    }

    #[test]
    fn who_leaves_frees_the_place_and_an_idle_queue_keeps_nothing() {
        let mut queue = FairQueue::new(1, 1);
        queue.enter(&"a", 1).unwrap();
        queue.enter(&"x", 1).unwrap();
        let [first, extra] = *start(&mut queue) else {
            panic!("one of each runs")
        };
        let waits = queue.enter(&"a", 1).unwrap().ticket;
        assert_eq!(busy(&queue, "a"), Some(Bound::Server));
        assert_eq!(busy(&queue, "b"), Some(Bound::Server), "one each is fair");
        assert!(queue.leave(&"a", waits));
        assert!(!queue.leave(&"a", waits));
        assert_eq!(busy(&queue, "a"), None);
        queue.finish(&"x", 1, extra, 1.0);
        assert_eq!(busy(&queue, "b"), None, "its first has a share of its own");
        queue.finish(&"a", 1, first, 1.0);
        assert!(queue.parties.is_empty());
        assert_eq!((queue.running(), queue.waiting(), queue.free), (0, 0, 1));
    }

    #[test]
    fn the_time_to_come_again_grows_with_what_waits() {
        let mut queue = FairQueue::new(2, 16);
        for _ in 0..2 {
            queue.enter(&"a", 1).unwrap();
        }
        for job in start(&mut queue) {
            queue.finish(&"a", 1, job, 3.0);
        }
        let told = [2, 6, 16].map(|jobs| queue.seconds_for(jobs));
        assert_eq!(told, [3, 9, 24]);
        assert_eq!((queue.seconds_for(0), queue.seconds_for(1000)), (1, 60));
    }
}
