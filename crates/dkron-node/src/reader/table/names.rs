//! All names in one piece of text, for searches in the middle of them.

/// Stands before each name, and in none.
const SEPARATOR: char = '\n';
/// Bits of a slot's number beside those of a place in the text.
const SLOT_BITS: u32 = 28;

#[derive(Default)]
pub struct Names {
    text: String,
    /// Where each name begins, and whose it is. Names of jobs that are gone stay until there are
    /// many of them: who finds one looks whether it is still right.
    begins: Vec<u64>,
}

impl Names {
    pub fn push(&mut self, slot: u32, name: &str) {
        self.text.push(SEPARATOR);
        self.begins.push((self.text.len() as u64) << SLOT_BITS | u64::from(slot));
        self.text.push_str(name);
    }

    pub fn len(&self) -> usize {
        self.begins.len()
    }

    /// Slots and names in which a text stands, perhaps some that are not right any more.
    pub fn find(&self, part: &str, mut found: impl FnMut(u32, &str)) {
        let mut hits = self.text.match_indices(part).map(|(at, _)| at).peekable();
        let mut entry = 0;
        while let Some(hit) = hits.next() {
            // Hits come in order, so those before are over; most are far apart.
            let ends_before = |begin: &u64| (begin >> SLOT_BITS) <= hit as u64;
            let mut reach = 1;
            while self.begins.get(entry + reach).is_some_and(ends_before) {
                reach *= 2;
            }
            let near = self.begins.len().min(entry + reach);
            entry += self.begins[entry..near].partition_point(ends_before);
            let Some(own) = entry.checked_sub(1) else { continue };
            let begin = (self.begins[own] >> SLOT_BITS) as usize;
            let end = self.begins.get(entry).map_or(self.text.len(), |next| {
                (next >> SLOT_BITS) as usize - SEPARATOR.len_utf8()
            });
            if hit + part.len() <= end {
                let slot = self.begins[own] & ((1 << SLOT_BITS) - 1);
                found(slot as u32, &self.text[begin..end]);
                while hits.next_if(|hit| *hit < end).is_some() {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_names() {
        let mut names = Names::default();
        for (slot, name) in (0..).zip(["backup", "up", "x-up-up", "", "läuft"]) {
            names.push(slot, name);
        }
        let found = |part: &str| {
            let mut slots = Vec::new();
            names.find(part, |slot, name| {
                assert!(name.contains(part));
                slots.push(slot);
            });
            slots
        };
        assert_eq!(found("up"), [0, 1, 2]);
        assert_eq!(found("ä"), [4]);
        assert_eq!(found("backup"), [0]);
        assert_eq!(found("\n"), [0; 0]);
        assert_eq!(found("p\nu"), [0; 0]);
        assert_eq!(found("t"), [4]);
    }
}
