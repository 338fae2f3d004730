//! Short names for long numbers: the executions of a script are `#1`, `#2` in the order of their
//! birth, occurrences that wait are `q1`, `q2`.

use dkron_core::domain::{QueueNo, Seq};
use dkron_core::ledger::Fired;

#[derive(Default)]
pub struct Names {
    seqs: Vec<Seq>,
    queue: Vec<QueueNo>,
}

impl Names {
    /// Names what was just born.
    pub fn learn_fired(&mut self, fired: &Fired) {
        match fired {
            Fired::Run { seqs, .. } => seqs.iter().for_each(|seq| self.learn(*seq)),
            Fired::Queued(no) if !self.queue.contains(no) => self.queue.push(*no),
            _ => {}
        }
    }

    fn learn(&mut self, seq: Seq) {
        if !self.seqs.contains(&seq) {
            self.seqs.push(seq);
        }
    }

    /// The number behind `#3`; a number that was never given for `#99`.
    pub fn seq(&self, text: &str) -> Seq {
        let no = number(text, '#');
        self.seqs.get(no - 1).copied().unwrap_or(Seq(no as u64))
    }

    /// The number behind `q3`; a number that was never given for `q99`.
    pub fn queue_no(&self, text: &str) -> QueueNo {
        let no = number(text, 'q');
        self.queue.get(no - 1).copied().unwrap_or(QueueNo(no as u64))
    }

    /// Puts the short names into a text.
    pub fn shorten(&self, mut text: String) -> String {
        for (at, seq) in self.seqs.iter().enumerate() {
            text = text.replace(&seq.0.to_string(), &format!("#{}", at + 1));
        }
        for (at, no) in self.queue.iter().enumerate() {
            text = text.replace(&no.0.to_string(), &format!("q{}", at + 1));
        }
        text
    }
}

fn number(text: &str, sign: char) -> usize {
    let no = text.trim_start_matches(sign).parse();
    no.unwrap_or_else(|_| panic!("{text} is no number of {sign}"))
}
