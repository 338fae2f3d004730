//! A column whose values repeat: each is kept once, jobs have its number, and what lists sort by is
//! its rank among all values.
//!
//! Ranks are only brought up to date when a list wants them; values that came since are put among
//! the sorted ones by bisection.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;

/// In `sorted`: no difference to the value before, as far as lists are concerned.
const SAME: u32 = 1 << 31;

pub struct Ranked<T> {
    /// By slot: the number of its value.
    of: Vec<u32>,
    numbers: HashMap<T, u32>,
    values: Vec<Option<T>>,
    users: Vec<u32>,
    /// Numbers that may be given again.
    free: Vec<u32>,
    /// Numbers that may be, once `sorted` has forgotten them.
    dead: Vec<u32>,
    sorted: Vec<u32>,
    /// Not yet sorted.
    fresh: Vec<u32>,
    ranks: Vec<u32>,
    order: fn(&T, &T) -> Ordering,
}

impl<T: Clone + Eq + Hash> Ranked<T> {
    pub fn new(order: fn(&T, &T) -> Ordering) -> Self {
        Ranked {
            of: Vec::new(),
            numbers: HashMap::new(),
            values: Vec::new(),
            users: Vec::new(),
            free: Vec::new(),
            dead: Vec::new(),
            sorted: Vec::new(),
            fresh: Vec::new(),
            ranks: Vec::new(),
            order,
        }
    }

    /// The value of a slot; `own` makes one to keep.
    pub fn set<Q>(&mut self, slot: u32, value: &Q, own: impl FnOnce() -> T)
    where
        T: Borrow<Q>,
        Q: ?Sized + Eq + Hash,
    {
        let number = match self.numbers.get(value) {
            Some(number) => *number,
            None => self.keep(own()),
        };
        self.users[number as usize] += 1;
        let slot = slot as usize;
        if slot < self.of.len() {
            self.release(self.of[slot]);
            self.of[slot] = number;
        } else {
            // Slots are given one after the other.
            self.of.push(number);
        }
    }

    fn keep(&mut self, value: T) -> u32 {
        let number = self.free.pop().unwrap_or(self.values.len() as u32);
        if number as usize == self.values.len() {
            self.values.push(None);
            self.users.push(0);
        }
        self.values[number as usize] = Some(value.clone());
        self.numbers.insert(value, number);
        self.fresh.push(number);
        number
    }

    fn release(&mut self, number: u32) {
        let users = &mut self.users[number as usize];
        *users -= 1;
        if *users == 0
            && let Some(value) = self.values[number as usize].take()
        {
            self.numbers.remove(&value);
            self.dead.push(number);
        }
    }

    /// Without the texts themselves.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let lists = [&self.of, &self.users, &self.free, &self.dead, &self.sorted, &self.ranks];
        let lists = lists.map(Vec::len).into_iter().sum::<usize>() * size_of::<u32>();
        let known = self.numbers.capacity() * 8 / 7 * (size_of::<(T, u32)>() + 1);
        lists + known + self.values.len() * size_of::<Option<T>>()
    }

    /// The number of a value that some job has.
    pub fn number<Q>(&self, value: &Q) -> Option<u32>
    where
        T: Borrow<Q>,
        Q: ?Sized + Eq + Hash,
    {
        self.numbers.get(value).copied()
    }

    pub fn number_of(&self, slot: u32) -> u32 {
        self.of[slot as usize]
    }

    /// All values by their numbers; none where a number is free.
    pub fn values(&self) -> &[Option<T>] {
        &self.values
    }

    /// What lists sort by, as of the last `settle`.
    pub fn rank(&self, slot: u32) -> u32 {
        self.ranks[self.of[slot as usize] as usize]
    }

    /// Brings the ranks up to date.
    pub fn settle(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.retain(|number| self.values[*number as usize].is_some());
        fresh.sort_by(|one, other| self.compare(*one, *other));
        let mut sorted = self.without_dead();
        if !fresh.is_empty() {
            sorted = self.merged(&sorted, &fresh);
        }
        self.ranks.resize(self.values.len(), 0);
        let mut rank = 0;
        for entry in &sorted {
            rank += u32::from(entry & SAME == 0);
            self.ranks[(entry & !SAME) as usize] = rank;
        }
        self.sorted = sorted;
        self.free.append(&mut self.dead);
    }

    fn compare(&self, one: u32, other: u32) -> Ordering {
        match (&self.values[one as usize], &self.values[other as usize]) {
            (Some(one), Some(other)) => (self.order)(one, other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        }
    }

    fn without_dead(&self) -> Vec<u32> {
        let mut kept = Vec::with_capacity(self.sorted.len() + self.fresh.len());
        // Whether the first of equal ones went.
        let mut orphaned = false;
        for entry in &self.sorted {
            let is_same = entry & SAME != 0;
            if self.values[(entry & !SAME) as usize].is_some() {
                kept.push(if orphaned && is_same { entry & !SAME } else { *entry });
                orphaned = false;
            } else {
                orphaned |= !is_same;
            }
        }
        kept
    }

    /// Both in one order. Only what is new is compared.
    fn merged(&self, sorted: &[u32], fresh: &[u32]) -> Vec<u32> {
        let mut all = Vec::with_capacity(sorted.len() + fresh.len());
        let mut rest = sorted;
        for number in fresh {
            let before = |entry: &u32| self.compare(entry & !SAME, *number) != Ordering::Greater;
            let (front, behind) = rest.split_at(rest.partition_point(before));
            all.extend_from_slice(front);
            rest = behind;
            let same = all
                .last()
                .is_some_and(|last: &u32| self.compare(last & !SAME, *number) == Ordering::Equal);
            all.push(if same { number | SAME } else { *number });
        }
        all.extend_from_slice(rest);
        all
    }
}

/// Bytes with ASCII letters folded, as Dkron sorts texts.
pub fn folded(a: &str, b: &str) -> Ordering {
    let fold = |byte: u8| byte.to_ascii_lowercase();
    a.bytes().map(fold).cmp(b.bytes().map(fold))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn column() -> Ranked<Arc<str>> {
        Ranked::new(|a, b| folded(a, b))
    }

    fn set(column: &mut Ranked<Arc<str>>, slot: u32, value: &str) {
        column.set(slot, value, || value.into());
    }

    #[test]
    fn ranks_are_those_of_the_values() {
        let mut column = column();
        let mut values: Vec<String> = Vec::new();
        let mut number = 7_u32;
        for turn in 0..3_000_u32 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let text = ["a", "B", "b", "Cc", "cC", "d"][(number >> 8) as usize % 6];
            let text = format!("{text}{}", number >> 27);
            let slot = if turn < 200 { turn } else { (number >> 16) % 200 };
            set(&mut column, slot, &text);
            match values.get_mut(slot as usize) {
                Some(value) => *value = text,
                None => values.push(text),
            }
            if turn % 37 == 0 {
                column.settle();
                for one in 0..values.len() {
                    let other = (one * 7 + 1) % values.len();
                    let wanted = folded(&values[one], &values[other]);
                    let found = column.rank(one as u32).cmp(&column.rank(other as u32));
                    assert_eq!(found, wanted, "{} {}", values[one], values[other]);
                }
            }
        }
        assert!(column.values.len() < 250, "numbers are used again: {}", column.values.len());
        assert_eq!(column.number("nobody"), None);
        let number = column.number(values[3].as_str());
        assert_eq!(number, Some(column.number_of(3)));
    }
}
