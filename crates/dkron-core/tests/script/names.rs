//! Short names for long numbers: the executions of a script are `#1`, `#2` in the order of their
//! birth.

use dkron_core::domain::Seq;

#[derive(Default)]
pub struct Names {
    seqs: Vec<Seq>,
}

impl Names {
    /// Names an execution that was just born.
    pub fn learn(&mut self, seq: Seq) {
        if !self.seqs.contains(&seq) {
            self.seqs.push(seq);
        }
    }

    /// The number behind `#3`; a number that was never given for `#99`.
    pub fn seq(&self, text: &str) -> Seq {
        let no: usize = text.trim_start_matches('#').parse().unwrap_or_else(|_| {
            panic!("{text} is no execution");
        });
        self.seqs.get(no - 1).copied().unwrap_or(Seq(no as u64))
    }

    /// Puts the short names into a text.
    pub fn shorten(&self, mut text: String) -> String {
        for (at, seq) in self.seqs.iter().enumerate() {
            text = text.replace(&seq.0.to_string(), &format!("#{}", at + 1));
        }
        text
    }
}
