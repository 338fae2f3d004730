//! The worker's memory: what it makes of the journal of earlier lives, and what it writes into a
//! new one.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::held::{Going, Held, cancelled, is_cancellation};
use super::journal::{JournalRecord, Survivor};
use super::machine::{Action, Options, Worker};
use super::terms::Terms;
use crate::domain::{Now, Seq};

/// What earlier lives of the agent left behind.
#[derive(Clone, Debug)]
pub struct Past<J> {
    /// All records, the oldest first.
    pub journal: J,
    /// What the process runner holds, once each.
    pub survivors: Vec<Survivor>,
    /// Whether the machine has been up since the journal was last opened.
    pub same_boot: bool,
}

impl Worker {
    /// Takes up what the runner still holds. Of everything else that was accepted nothing is left;
    /// process groups of the same boot are killed first: what is stated as gone must be gone.
    pub fn recover<J>(options: Options, now: Now, past: Past<J>) -> (Worker, Vec<Action>)
    where
        J: IntoIterator<Item = JournalRecord>,
    {
        let mut worker = Worker::new(options);
        let going = worker.read(past.journal);
        let mut survivors: BTreeMap<Seq, Survivor> =
            past.survivors.into_iter().map(|one| (one.seq, one)).collect();
        let mut out = Vec::new();
        for (seq, going) in going {
            match survivors.remove(&seq) {
                Some(survivor) => worker.resume(now, going, survivor, &mut out),
                None => worker.bury(now, seq, going, past.same_boot, &mut out),
            }
        }
        // Finished and written down, or of a journal that is lost: nobody will ask for it.
        out.extend(survivors.into_keys().map(Action::Discard));
        (worker, out)
    }

    /// Results are held; what the journal knows no end of is given back.
    fn read(&mut self, journal: impl IntoIterator<Item = JournalRecord>) -> BTreeMap<Seq, Going> {
        let mut open: BTreeMap<Seq, Going> = BTreeMap::new();
        for record in journal {
            let seq = record.seq();
            match record {
                JournalRecord::Accepted { terms, .. } => {
                    open.insert(seq, Going { terms, ..Going::default() });
                }
                JournalRecord::Started { at, process, .. } => {
                    if let Some(going) = open.get_mut(&seq) {
                        (going.started_at, going.process) = (Some(at), process);
                    }
                }
                JournalRecord::Ending { reason, .. } => {
                    if let Some(going) = open.get_mut(&seq) {
                        going.end(reason);
                    }
                }
                JournalRecord::Finished { finish, .. } => {
                    open.remove(&seq);
                    self.held.insert(seq, Held::finished(finish));
                }
                JournalRecord::Forgotten { .. } => {
                    open.remove(&seq);
                    self.held.remove(&seq);
                }
            }
        }
        open
    }

    fn resume(&mut self, now: Now, mut going: Going, survivor: Survivor, out: &mut Vec<Action>) {
        let Survivor { seq, started_at, process } = survivor;
        // The agent may have died between the start and its record.
        let at = match going.started_at {
            Some(at) => at,
            None => {
                out.push(Action::Journal(JournalRecord::Started { seq, at: started_at, process }));
                started_at
            }
        };
        going.start(now, at, process);
        out.push(Action::Resume { seq, started_at: at, terms: going.terms });
        match going.ending {
            Some(_) => out.push(Action::Kill(seq)),
            None => self.watch(seq, &going),
        }
        self.held.insert(seq, Held::Running(going));
    }

    fn bury(&mut self, now: Now, seq: Seq, going: Going, same_boot: bool, out: &mut Vec<Action>) {
        out.extend(going.process.filter(|_| same_boot).map(Action::KillGroup));
        let held = match going.ending.filter(|reason| is_cancellation(*reason)) {
            // It was to end as cancelled, and it is over.
            Some(reason) => {
                let finish = cancelled(now, going.started_at, reason);
                out.push(Action::Journal(JournalRecord::Finished { seq, finish: finish.clone() }));
                Held::finished(finish)
            }
            None => Held::Gone,
        };
        self.held.insert(seq, held);
    }

    /// What the journal must hold to know as much as this machine: for its compaction.
    pub fn journal(&self) -> Vec<JournalRecord> {
        let mut records = Vec::new();
        for (seq, held) in &self.held {
            let seq = *seq;
            match held {
                Held::Running(going) => {
                    records.push(JournalRecord::Accepted { seq, terms: going.terms });
                    if let (Some(at), process @ Some(_)) = (going.started_at, going.process) {
                        records.push(JournalRecord::Started { seq, at, process });
                    }
                    records
                        .extend(going.ending.map(|reason| JournalRecord::Ending { seq, reason }));
                }
                Held::Finished { finish, .. } => {
                    records.push(JournalRecord::Finished { seq, finish: finish.clone() });
                }
                Held::Gone => {
                    records.push(JournalRecord::Accepted { seq, terms: Terms::default() });
                }
            }
        }
        records
    }
}
