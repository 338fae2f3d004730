//! The answer to the question which index a read must have seen; the question has no content.
//! The version of the connection's protocol decides its form; this is the one of version 1.

use dkron_core::domain::LogIndex;

/// The answer of the leader.
pub fn encode_read_index(index: LogIndex) -> Vec<u8> {
    postcard::to_extend(&index.0, Vec::new()).expect("the buffer grows")
}

/// None: these bytes are no answer.
pub fn decode_read_index(bytes: &[u8]) -> Option<LogIndex> {
    let (index, rest) = postcard::take_from_bytes::<u64>(bytes).ok()?;
    rest.is_empty().then_some(LogIndex(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_comes_back_and_other_bytes_do_not() {
        assert_eq!(encode_read_index(LogIndex(300)), [0xac, 0x02]);
        for index in [0, 1, 127, 128, u64::MAX].map(LogIndex) {
            assert_eq!(decode_read_index(&encode_read_index(index)), Some(index));
        }
        assert_eq!(decode_read_index(&[]), None);
        assert_eq!(decode_read_index(&[0x80]), None);
        assert_eq!(decode_read_index(&[1, 2]), None);
    }
}
