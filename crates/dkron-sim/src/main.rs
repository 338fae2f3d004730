//! `dkron-sim --seeds 10000 --from 0`, or `dkron-sim --seed 7 --trace`; `--plant NoFence` puts a
//! bug in.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dkron_sim::{Sabotage, Verdict, run};

/// Failing seeds that are shown; the rest is only counted.
const SHOWN: usize = 20;

struct Args {
    seeds: u64,
    from: u64,
    trace: bool,
    cover: bool,
    plant: Sabotage,
}

fn main() -> ExitCode {
    let args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(text) => {
            eprintln!("{text}");
            eprintln!("usage: dkron-sim [--seeds N] [--from S] [--cover] [--plant BUG]");
            eprintln!("       dkron-sim --seed X [--trace] [--plant BUG]");
            return ExitCode::from(2);
        }
    };
    let begun = Instant::now();
    // A panic of a machine is a violation with a seed; its own words would only hide that.
    std::panic::set_hook(Box::new(|_| {}));
    let verdicts = all(&args);
    let took = begun.elapsed().as_secs_f64();
    let failed: Vec<&Verdict> = verdicts.iter().filter(|one| one.violation.is_some()).collect();
    for verdict in failed.iter().take(SHOWN) {
        if let Some(violation) = &verdict.violation {
            let text: String = violation.text.chars().take(600).collect();
            println!("seed {}: {}: {text}", verdict.seed, violation.rule);
        }
    }
    let sum = |of: fn(&Verdict) -> u64| verdicts.iter().map(of).sum::<u64>();
    println!(
        "{} seeds, {} failed; {} entries, {} starts, {} lives; {:.0} seeds/s",
        verdicts.len(),
        failed.len(),
        sum(|one| one.entries),
        sum(|one| one.starts),
        sum(|one| one.lives),
        verdicts.len() as f64 / took
    );
    if args.cover {
        let mut counts = std::collections::BTreeMap::<&str, u64>::new();
        for (what, count) in verdicts.iter().flat_map(|verdict| &verdict.coverage) {
            *counts.entry(what).or_default() += count;
        }
        counts.iter().for_each(|(what, count)| println!("{count:>9}  {what}"));
    }
    if args.seeds == 1
        && let Some(only) = verdicts.first()
    {
        println!("trace hash {:016x}", only.hash);
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Seeds share nothing, so the machine's cores share them.
fn all(args: &Args) -> Vec<Verdict> {
    let next = AtomicU64::new(0);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let work = || {
        let mut own = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= args.seeds {
                return own;
            }
            let mut verdict = run(args.from + at, args.plant, args.trace);
            print!("{}", std::mem::take(&mut verdict.lines));
            own.push(verdict);
        }
    };
    let mut verdicts: Vec<Verdict> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    verdicts.sort_by_key(|verdict| verdict.seed);
    verdicts
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let plant = Sabotage::Nothing;
    let mut args = Args { seeds: 1000, from: 0, trace: false, cover: false, plant };
    while let Some(word) = words.next() {
        let mut number = || {
            let text = words.next().ok_or_else(|| format!("{word} needs a number"))?;
            text.parse::<u64>().map_err(|_| format!("{word}: {text} is no number"))
        };
        match word.as_str() {
            "--seeds" => args.seeds = number()?,
            "--from" => args.from = number()?,
            "--seed" => (args.from, args.seeds) = (number()?, 1),
            "--cover" => args.cover = true,
            "--plant" => {
                let name = words.next().unwrap_or_default();
                let known = Sabotage::ALL.iter().find(|one| format!("{one:?}") == name);
                args.plant =
                    *known.ok_or_else(|| format!("unknown bug, there are {:?}", Sabotage::ALL))?;
            }
            "--trace" => args.trace = true,
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(args)
}
