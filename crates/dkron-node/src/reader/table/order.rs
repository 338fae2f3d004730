//! Slots in an order that somebody else knows: a list of short blocks, so that a place is found by
//! bisection, inserting moves little, and a position is found without walking there.

use std::cmp::Ordering;
use std::ops::Range;

/// Slots of a block at most; a full one is halved.
const BLOCK: usize = 512;

#[derive(Default)]
pub struct Order {
    blocks: Vec<Vec<u32>>,
    len: usize,
}

/// Block and place in it.
type Place = (usize, usize);

impl Order {
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where a slot stands, or where it belongs. `to` compares a slot with what is looked for.
    fn place(&self, to: &impl Fn(u32) -> Ordering) -> Result<Place, Place> {
        let begins_behind =
            |block: &Vec<u32>| block.first().is_some_and(|first| to(*first) != Ordering::Greater);
        let block = self.blocks.partition_point(begins_behind).saturating_sub(1);
        let Some(slots) = self.blocks.get(block) else { return Err((0, 0)) };
        match slots.binary_search_by(|slot| to(*slot)) {
            Ok(at) => Ok((block, at)),
            Err(at) => Err((block, at)),
        }
    }

    pub fn find(&self, to: impl Fn(u32) -> Ordering) -> Option<u32> {
        let (block, at) = self.place(&to).ok()?;
        Some(self.blocks[block][at])
    }

    /// Puts a slot to its place; one that stands there already makes room for it.
    pub fn insert(&mut self, slot: u32, to: impl Fn(u32) -> Ordering) {
        let (block, at) = match self.place(&to) {
            Ok((block, at)) => {
                self.blocks[block][at] = slot;
                return;
            }
            Err(place) => place,
        };
        self.len += 1;
        let Some(slots) = self.blocks.get_mut(block) else {
            self.blocks.push(vec![slot]);
            return;
        };
        slots.insert(at, slot);
        if slots.len() > BLOCK {
            // What grows at its end leaves full blocks behind.
            let cut = if at + 1 == slots.len() { BLOCK } else { BLOCK / 2 };
            let behind = slots.split_off(cut);
            self.blocks.insert(block + 1, behind);
        }
    }

    pub fn remove(&mut self, to: impl Fn(u32) -> Ordering) -> Option<u32> {
        let (block, at) = self.place(&to).ok()?;
        let slot = self.blocks[block].remove(at);
        if self.blocks[block].is_empty() {
            self.blocks.remove(block);
        }
        self.len -= 1;
        Some(slot)
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| block.capacity() * size_of::<u32>());
        blocks.sum::<usize>() + self.blocks.capacity() * size_of::<Vec<u32>>()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.blocks.iter().flatten().copied()
    }

    /// Slots at these positions.
    pub fn range(&self, positions: Range<usize>) -> impl DoubleEndedIterator<Item = u32> + '_ {
        let mut begin = 0;
        let parts = self.blocks.iter().filter_map(move |block| {
            let (first, end) = (begin, begin + block.len());
            begin = end;
            let from = positions.start.clamp(first, end) - first;
            let to = positions.end.clamp(first, end) - first;
            (from < to).then(|| &block[from..to])
        });
        // The blocks are few; walking them from both ends needs to know where each begins.
        parts.collect::<Vec<_>>().into_iter().flatten().copied()
    }

    /// The position of the first slot that is not before what is looked for.
    pub fn position(&self, to: impl Fn(u32) -> Ordering) -> usize {
        let (block, at) = self.place(&to).unwrap_or_else(|place| place);
        self.blocks[..block].iter().map(Vec::len).sum::<usize>() + at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(wanted: u32) -> impl Fn(u32) -> Ordering {
        move |slot| slot.cmp(&wanted)
    }

    #[test]
    fn it_is_as_a_sorted_list() {
        let mut order = Order::default();
        let mut list = Vec::new();
        let mut number = 1_u32;
        for _ in 0..5_000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let slot = number >> 20;
            if number & 3 == 0 {
                let removed = order.remove(to(slot));
                let known = list.binary_search(&slot).ok().map(|at| list.remove(at));
                assert_eq!(removed, known);
            } else {
                order.insert(slot, to(slot));
                if let Err(at) = list.binary_search(&slot) {
                    list.insert(at, slot);
                }
            }
        }
        assert_eq!(order.iter().collect::<Vec<_>>(), list);
        assert_eq!(order.len(), list.len());
        assert!(order.blocks.len() > 1 && order.blocks.iter().all(|it| it.len() <= BLOCK));
        for (start, end) in [(0, 0), (0, 7), (500, 1_100), (list.len() - 3, list.len())] {
            assert_eq!(order.range(start..end).collect::<Vec<_>>(), list[start..end]);
            let back: Vec<_> = order.range(start..end).rev().collect();
            assert_eq!(back, list[start..end].iter().rev().copied().collect::<Vec<_>>());
        }
        for wanted in [0, 17, 4_000, u32::MAX] {
            assert_eq!(order.position(to(wanted)), list.partition_point(|slot| *slot < wanted));
            assert_eq!(order.find(to(wanted)), list.binary_search(&wanted).ok().map(|_| wanted));
        }
    }

    #[test]
    fn what_grows_at_its_end_fills_its_blocks() {
        let mut order = Order::default();
        (0..10_000).for_each(|slot| order.insert(slot, to(slot)));
        assert_eq!(order.blocks.len(), 10_000_usize.div_ceil(BLOCK));
    }
}
