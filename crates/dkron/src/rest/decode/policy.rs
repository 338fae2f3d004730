//! The fields beyond Dkron's. A wrong type has the decoder's words like any other field; a value
//! that can not be is kept as a text for the validation, which names the field and what is right.

use std::time::Duration;

use dkron_core::domain::{Policy, RetryOn, limits};

use super::cursor::Kind;
use super::job::{Draft, Reader, fold};
use crate::words::{self, any_of, choice, shown};

/// What was said beyond Dkron's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    pub policy: Policy,
    /// `retries` was there, as a number.
    pub retries_said: bool,
    /// `max` of a retry object.
    pub retry_max: Option<u64>,
    /// The first value that can not be: its field, and what would be right.
    pub wrong: Option<String>,
}

impl Wishes {
    pub fn refuse(&mut self, field: &str, said: &str) {
        self.wrong.get_or_insert_with(|| format!("{field}: {said}"));
    }
}

/// Which of the two keys a retry object stands under.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RetryKey {
    /// `retries`: the number of attempts must be in it.
    Retries,
    /// `retry`: beside `retries`.
    Retry,
}

const RETRY_FIELDS: [&str; 7] = ["max", "delay", "backoff", "max_delay", "jitter", "node", "on"];
const ENDS: [&str; 3] = ["failed", "timed_out", "lost"];

impl Reader<'_> {
    /// Reads the field if it is one of ours.
    pub(super) fn wish(&mut self, key: &str, draft: &mut Draft) -> bool {
        let wishes = &mut draft.wishes;
        match key {
            "queue_depth" => {
                let depth = self.number_upto("queue_depth", limits::QUEUE_DEPTH_MOST, wishes);
                wishes.policy.queue_depth = depth.unwrap_or(wishes.policy.queue_depth);
            }
            "misfire" => self.misfire(wishes),
            "misfire_threshold" => {
                self.span_or_none(key, wishes, |policy| &mut policy.misfire_threshold);
            }
            "start_deadline" => {
                self.span_or_none(key, wishes, |policy| &mut policy.start_deadline);
            }
            "max_runtime" => self.span_or_none(key, wishes, |policy| &mut policy.max_runtime),
            "lost_after" => self.span_or_none(key, wishes, |policy| &mut policy.lost_after),
            "jitter" => self.span(key, wishes, |policy, jitter| {
                policy.jitter = jitter.unwrap_or_default();
            }),
            "dst" => self.choice(key, wishes, words::DSTS, |policy, dst| policy.dst = dst),
            "on_lost" => {
                self.choice(key, wishes, words::ON_LOST, |policy, what| policy.on_lost = what);
            }
            "retention" => self.retention(wishes),
            "output_limit" => {
                let limit = self.number_upto(key, limits::OUTPUT_BYTES_MOST, wishes);
                wishes.policy.output_limit = limit.or(wishes.policy.output_limit);
            }
            "retry" => self.retry(RetryKey::Retry, wishes),
            _ => return false,
        }
        true
    }

    /// `retries` that is an object.
    pub(super) fn retries_object(&mut self, wishes: &mut Wishes) {
        self.retry(RetryKey::Retries, wishes);
    }

    fn misfire(&mut self, wishes: &mut Wishes) {
        let mut word = String::new();
        let mut max = None;
        match self.cursor.kind() {
            Kind::Object => {
                self.cursor.enter();
                while let Some(key) = self.cursor.key() {
                    match fold(&key).as_str() {
                        "policy" => self.text("misfire.policy", &mut word),
                        "max" => {
                            let most = limits::MISFIRE_MOST;
                            max = self.number_upto("misfire.max", most, wishes).or(max);
                        }
                        _ => self.unknown("misfire", &key, &["policy", "max"], wishes),
                    }
                }
            }
            _ => self.text("misfire", &mut word),
        }
        match (word.as_str(), max) {
            ("", None) => {}
            ("", Some(_)) => wishes.refuse("misfire.policy", "it is missing, use \"run_all\""),
            ("run_all", Some(max)) => self.set_misfire(&format!("run_all({max})"), wishes),
            (_, Some(_)) => {
                wishes.refuse("misfire.max", "only the policy \"run_all\" has a number");
            }
            (word, None) => self.set_misfire(word, wishes),
        }
    }

    fn set_misfire(&mut self, text: &str, wishes: &mut Wishes) {
        match words::misfire(text) {
            Ok(misfire) => wishes.policy.misfire = Some(misfire),
            Err(said) => wishes.refuse("misfire", &said),
        }
    }

    fn retention(&mut self, wishes: &mut Wishes) {
        if !self.object("retention", "object") {
            return;
        }
        while let Some(key) = self.cursor.key() {
            match fold(&key).as_str() {
                "executions" => {
                    let kept = self.number_upto("retention.executions", u32::MAX, wishes);
                    wishes.policy.keep_executions = kept.or(wishes.policy.keep_executions);
                }
                "age" => self.span_or_none("retention.age", wishes, |policy| &mut policy.keep_for),
                _ => self.unknown("retention", &key, &["executions", "age"], wishes),
            }
        }
    }

    fn retry(&mut self, under: RetryKey, wishes: &mut Wishes) {
        let (name, wanted) = match under {
            RetryKey::Retries => ("retries", "uint"),
            RetryKey::Retry => ("retry", "object"),
        };
        if !self.object(name, wanted) {
            return;
        }
        let mut counted = false;
        while let Some(key) = self.cursor.key() {
            let folded = fold(&key);
            let field = format!("{name}.{folded}");
            match folded.as_str() {
                "max" => {
                    let max = self.number_upto(&field, limits::RETRIES, wishes).map(u64::from);
                    counted |= max.is_some();
                    if wishes.retry_max.is_some() && max.is_some() && max != wishes.retry_max {
                        wishes.refuse(&field, "it stands twice with two numbers, say it once");
                    }
                    wishes.retry_max = max.or(wishes.retry_max);
                }
                "delay" => self.span_or_none(&field, wishes, |policy| &mut policy.retry.delay),
                "max_delay" => {
                    self.span_or_none(&field, wishes, |policy| &mut policy.retry.max_delay);
                }
                "jitter" => self.span(&field, wishes, |policy, jitter| {
                    policy.retry.jitter = jitter.unwrap_or_default();
                }),
                "backoff" => self.choice(&field, wishes, words::BACKOFFS, |policy, backoff| {
                    policy.retry.backoff = backoff;
                }),
                "node" => self.choice(&field, wishes, words::RETRY_NODES, |policy, node| {
                    policy.retry.node = node;
                }),
                "on" => self.retry_on(&field, wishes),
                _ => self.unknown(name, &key, &RETRY_FIELDS, wishes),
            }
        }
        if under == RetryKey::Retries && !counted {
            wishes.refuse("retries.max", "it is missing, say how many attempts follow the first");
        }
    }

    fn retry_on(&mut self, field: &str, wishes: &mut Wishes) {
        match self.cursor.kind() {
            Kind::Null => return self.cursor.skip(),
            Kind::Array => self.cursor.enter(),
            _ => return self.mistyped(field, "[]string"),
        }
        let mut on = RetryOn { failed: false, timed_out: false, lost: false };
        while self.cursor.another() {
            let mut word = String::new();
            self.text(field, &mut word);
            match word.as_str() {
                "failed" => on.failed = true,
                "timed_out" => on.timed_out = true,
                "lost" => on.lost = true,
                other => {
                    let all = any_of(ENDS.into_iter());
                    wishes.refuse(field, &format!("{} is unknown, use {all}", shown(other)));
                }
            }
        }
        wishes.policy.retry.on = on;
    }

    /// Steps into an object; anything else is passed.
    fn object(&mut self, field: &str, wanted: &str) -> bool {
        match self.cursor.kind() {
            Kind::Object => {
                self.cursor.enter();
                return true;
            }
            Kind::Null => self.cursor.skip(),
            _ => self.mistyped(field, wanted),
        }
        false
    }

    fn unknown(&mut self, object: &str, key: &str, known: &[&str], wishes: &mut Wishes) {
        self.cursor.skip();
        let all = any_of(known.iter().copied());
        wishes.refuse(object, &format!("it has no {}, use {all}", shown(key)));
    }

    /// Sets what the duration here says; an empty text is "not said".
    fn span(
        &mut self,
        field: &str,
        wishes: &mut Wishes,
        set: impl FnOnce(&mut Policy, Option<Duration>),
    ) {
        if self.cursor.kind() == Kind::Number {
            let said = words::unitless(self.cursor.word());
            return wishes.refuse(field, &said);
        }
        if self.cursor.kind() == Kind::Null {
            return self.cursor.skip();
        }
        let mut text = String::new();
        self.text(field, &mut text);
        match text.as_str() {
            "" => set(&mut wishes.policy, None),
            text => match words::span(text) {
                Ok(span) => set(&mut wishes.policy, Some(span)),
                Err(said) => wishes.refuse(field, &said),
            },
        }
    }

    fn span_or_none(
        &mut self,
        field: &str,
        wishes: &mut Wishes,
        of: impl FnOnce(&mut Policy) -> &mut Option<Duration>,
    ) {
        self.span(field, wishes, |policy, span| *of(policy) = span);
    }

    fn choice<T: Copy>(
        &mut self,
        field: &str,
        wishes: &mut Wishes,
        all: &[(&str, T)],
        set: impl FnOnce(&mut Policy, T),
    ) {
        let mut text = String::new();
        self.text(field, &mut text);
        match text.as_str() {
            "" => {}
            text => match choice(text, all) {
                Ok(value) => set(&mut wishes.policy, value),
                Err(said) => wishes.refuse(field, &said),
            },
        }
    }

    /// A whole number up to `most`; the least that a field wants is the validation's to say.
    fn number_upto(&mut self, field: &str, most: u32, wishes: &mut Wishes) -> Option<u32> {
        let word = self.number(field, "uint")?;
        match word.parse::<u32>() {
            Ok(number) if number <= most => Some(number),
            _ if word.parse::<u64>().is_ok() || is_digits(word) => {
                wishes.refuse(field, &format!("{word} is too many, use at most {most}"));
                None
            }
            _ => {
                self.misfit(field, word, "uint");
                None
            }
        }
    }
}

fn is_digits(word: &str) -> bool {
    word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_digit())
}
