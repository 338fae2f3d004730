//! The header `Range`, as far as one part of a text goes.

/// What a request wants of `len` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// No range, one that says nothing, or several: all of it is a right answer to these.
    Whole,
    /// Not empty.
    Part(std::ops::Range<usize>),
    /// It begins behind the end.
    Beyond,
}

/// Reads `bytes=2-5`, `bytes=2-` or `bytes=-4`.
pub fn of(header: Option<&str>, len: usize) -> Range {
    let Some(spec) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else {
        return Range::Whole;
    };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Range::Whole;
    };
    match (number(first), number(last)) {
        (Some(first), _) if last.trim().is_empty() && first < len => Range::Part(first..len),
        (Some(first), _) if last.trim().is_empty() || first >= len => beyond(first, number(last)),
        (Some(first), Some(last)) if first <= last => Range::Part(first..len.min(last + 1)),
        (None, Some(count)) if first.trim().is_empty() => match count.min(len) {
            0 => Range::Beyond,
            count => Range::Part(len - count..len),
        },
        _ => Range::Whole,
    }
}

/// A range that ends before it begins says nothing, wherever it is.
fn beyond(first: usize, last: Option<usize>) -> Range {
    if last.is_some_and(|last| last < first) { Range::Whole } else { Range::Beyond }
}

/// Larger numbers than there are bytes anywhere stand for the largest.
fn number(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX - 1).min(usize::MAX - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_ten_bytes() {
        for (header, wanted) in [
            ("bytes=0-", Range::Part(0..10)),
            ("bytes=2-5", Range::Part(2..6)),
            ("bytes=2-2", Range::Part(2..3)),
            ("bytes=5-99", Range::Part(5..10)),
            ("bytes=5-99999999999999999999999", Range::Part(5..10)),
            ("bytes=-3", Range::Part(7..10)),
            ("bytes=-30", Range::Part(0..10)),
            ("bytes=-0", Range::Beyond),
            ("bytes=10-", Range::Beyond),
            ("bytes=10-12", Range::Beyond),
            ("bytes=99999999999999999999999-", Range::Beyond),
            ("bytes=5-2", Range::Whole),
            ("bytes=15-12", Range::Whole),
            ("bytes=0-1,4-5", Range::Whole),
            ("bytes=", Range::Whole),
            ("bytes=-", Range::Whole),
            ("bytes=x-3", Range::Whole),
            ("bytes=3-x", Range::Whole),
            ("lines=1-2", Range::Whole),
        ] {
            assert_eq!(of(Some(header), 10), wanted, "{header}");
        }
        assert_eq!(of(None, 10), Range::Whole);
        assert_eq!(of(Some("bytes=0-"), 0), Range::Beyond);
    }
}
