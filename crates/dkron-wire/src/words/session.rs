//! Fields of what a leader and a node say to each other, in the order in which they travel.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{
    BootId, Cause, Digest, EndReason, Finish, Group, Job, JobNo, JournalId, NodeName, Nominal, Seq,
    Tenure, Timestamp, Version,
};
use dkron_core::worker::{Hello, Known, News, SessionNo, Statement, ToLeader};

use crate::session::{Answer, Carried, Greeting, Hint, Sent, SentOrder, SentRun};
use crate::word::{Word, word_enum, word_struct};

impl Word for SessionNo {
    type Form<'a> = u64;

    fn form(&self) -> u64 {
        self.0
    }

    fn word(form: u64) -> Self {
        SessionNo(form)
    }
}

word_struct!(Greeting { shard: u32, version: u32 });
word_enum!(Answer {
    Taken { version: u32, tenure: Tenure },
    NotLeader(hint: Option<Hint>),
    Refused(text: String),
});
word_struct!(Hint { id: u64, name: NodeName, address: String, tenure: Tenure });

word_struct!(ToLeader { session: SessionNo, no: u64, body: News });
word_enum!(News {
    Hello(hello: Hello),
    Stated(page: Vec<Statement>),
    StatedAll,
    Started { seq: Seq, at: Timestamp },
    Finished { seq: Seq, finish: Box<Finish> },
    Beat { sent: Duration },
});
word_struct!(Hello {
    hello: u64,
    node: NodeName,
    boot_id: BootId,
    journal_id: JournalId,
    capacity: u32,
    version: u32,
});
word_struct!(Statement { seq: Seq, known: Known });
word_enum!(Known { Running { started_at: Option<Timestamp> }, Finished, Gone });

word_struct!(Sent { tenure: Tenure, session: SessionNo, no: u64, body: SentOrder });
word_enum!(SentOrder {
    Welcome { hello: u64, lost_after: Duration },
    Refused { hello: u64 },
    Run(run: Box<SentRun>),
    Kill(seq: Seq),
    Cancel { seq: Seq, reason: EndReason },
    EndCommitted(seq: Seq),
    OutputStored(seq: Seq),
    Beat { sent: Duration },
});
word_struct!(SentRun {
    seq: Seq,
    node: NodeName,
    job_no: JobNo,
    version: Version,
    job: Carried,
    group: Group,
    attempt: u32,
    cause: Cause,
    nominal: Nominal,
    fence: Tenure,
    output_limit: u32,
});
word_enum!(Carried { Whole(job: Arc<Job>), Lent(digest: Digest) });
