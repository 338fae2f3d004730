//! `~`: a number drawn from the job's name, so that many jobs with one schedule spread out.

use alloc::string::ToString;

use super::source::{Piece, Source};

/// The sum of the name's code points.
pub(super) fn name_hash(job_name: &str) -> u64 {
    job_name.chars().fold(0_u64, |sum, character| sum.wrapping_add(u64::from(u32::from(character))))
}

/// The digits that stand for a `~` in the field at `index`, counted from the seconds.
fn value(hash: u64, index: usize) -> u64 {
    match index {
        2 => hash % 24,
        3 => hash % 28 + 1,
        4 => hash % 12 + 1,
        5 => hash % 7,
        _ => hash % 60,
    }
}

/// Replaces every `~` outside a zone prefix.
///
/// Fields are told apart by single blanks, so a doubled blank moves the fields behind it by one:
/// jobs depend on the numbers they once got, and the numbers stay as they are.
pub(super) fn substitute(written: Piece<'_>, hash: u64) -> Source {
    let mut replaced = Source::empty();
    let untouched =
        !written.text.contains('~') || written.text.split(' ').any(|part| part.starts_with('@'));
    if untouched {
        replaced.push_piece(written);
        return replaced;
    }
    let mut index = 0;
    for (number, part) in written.split(' ').enumerate() {
        if number > 0 {
            replaced.push(' ', part.column().saturating_sub(1));
        }
        if super::parse::has_zone_prefix(part.text) {
            replaced.push_piece(part);
            continue;
        }
        replace_in(part, value(hash, index), &mut replaced);
        index += 1;
    }
    replaced
}

/// Appends `part`, every `~` in it replaced as in the field at `index`.
pub(super) fn substitute_field(part: Piece<'_>, hash: u64, index: usize, into: &mut Source) {
    replace_in(part, value(hash, index), into);
}

fn replace_in(part: Piece<'_>, value: u64, into: &mut Source) {
    let digits = value.to_string();
    let mut start = 0;
    for (at, tilde) in part.text.match_indices('~') {
        into.push_piece(part.slice(start, at));
        start = at + tilde.len();
        into.push_str(&digits, part.slice(at, start).column());
    }
    into.push_piece(part.from(start));
}
