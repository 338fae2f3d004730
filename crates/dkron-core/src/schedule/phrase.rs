//! Sets of numbers as people name them: all, one, a range, every so many, or a list.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What a set of numbers looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    All,
    One(u32),
    /// At least three neighbours.
    Range(u32, u32),
    /// At least three at equal distances. `whole`: the distance stays the same from one turn to
    /// the next one; of days, which have no such turn, up to the end.
    Every {
        step: u32,
        first: u32,
        last: u32,
        whole: bool,
    },
    /// Bit n: the number n. Perhaps none.
    List(u64),
}

/// The shape of those numbers, of which there could be `min..=max`.
pub(super) fn shape(bits: u64, min: u32, max: u32) -> Shape {
    let count = bits.count_ones();
    if count == max - min + 1 {
        return Shape::All;
    }
    if count == 0 {
        return Shape::List(0);
    }
    let (first, last) = (bits.trailing_zeros(), bits.ilog2());
    if count == 1 {
        return Shape::One(first);
    }
    if count == 2 {
        // Twice a turn at equal distances, as the halves of an hour.
        let turn = max - min + 1;
        let halves = min == 0 && first == 0 && last * 2 == turn;
        return match halves {
            true => Shape::Every { step: last, first, last, whole: true },
            false => Shape::List(bits),
        };
    }
    let step = (last - first) / (count - 1);
    let equal = (0..count).fold(0, |all, index| all | 1 << (first + index * step));
    if equal != bits {
        return Shape::List(bits);
    }
    if step == 1 {
        return Shape::Range(first, last);
    }
    let turns = (max - min + 1).is_multiple_of(step);
    let whole = if min == 0 { first == 0 && turns && last + step > max } else { last + step > max };
    // Three are said sooner than their rule.
    if !whole && count == 3 {
        return Shape::List(bits);
    }
    Shape::Every { step, first, last, whole }
}

/// The numbers of a set by name, three and more neighbours as `a to b`.
pub(super) fn runs(bits: u64, name: impl Fn(u32) -> String) -> Vec<String> {
    let mut said = Vec::new();
    let mut rest = bits;
    while rest != 0 {
        let first = rest.trailing_zeros();
        let len = (rest >> first).trailing_ones();
        match len {
            1 | 2 => said.extend((first..first + len).map(&name)),
            _ => said.push(format!("{} to {}", name(first), name(first + len - 1))),
        }
        rest = rest.checked_shr(first + len).unwrap_or(0).checked_shl(first + len).unwrap_or(0);
    }
    said
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    }
}
