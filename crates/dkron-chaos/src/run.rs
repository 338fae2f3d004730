//! One run from inside its namespaces: build the world, put load on it, break things one after
//! the other, mend everything, wait until it has come to rest, collect, judge.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use dkron_bench::{Args, now};

use crate::archive::Archive;
use crate::case::{self, Band, Case, Host, Plan, SECOND};
use crate::dice::Dice;
use crate::faults::{self, Fault, Kind, When};
use crate::load::{self, Client};
use crate::world::World;
use crate::world::switch::Rules;
use crate::{check, collect, planted, report, trial};

pub const OPTIONS: &[&str] =
    &["seed", "seconds", "only", "smoke", "long", "planted", "servers", "agents", "keep"];

/// From the first job's creation to the first slot that is due.
const LEAD: i64 = 6 * SECOND;
/// At the end of the span nothing is broken, so that recovery shows.
const TAIL: Duration = Duration::from_secs(18);
const SMOKE_TAIL: Duration = Duration::from_secs(4);
const SMOKE_SECONDS: u64 = 18;
const LONG_SECONDS: u64 = 1_800;
/// Runs of this length and more take new addresses in their middle.
const MOVES_FROM: u64 = 150;

struct Settings {
    seed: u64,
    seconds: u64,
    smoke: bool,
    only: Option<String>,
    planted: Option<String>,
    servers: u8,
    agents: u8,
    keep: bool,
    dir: PathBuf,
    bin: PathBuf,
}

impl Settings {
    fn read(args: &Args) -> anyhow::Result<Settings> {
        let (smoke, long) = (args.text("smoke").is_some(), args.text("long").is_some());
        let seconds = if smoke {
            SMOKE_SECONDS
        } else if long {
            LONG_SECONDS
        } else {
            120
        };
        let path = |name: &str| args.text(name).map(PathBuf::from).context("started by hand?");
        let settings = Settings {
            seed: args.number("seed", 1)?,
            seconds: args.number("seconds", seconds)?,
            smoke,
            only: args.text("only").map(str::to_owned),
            planted: args.text("planted").map(str::to_owned),
            servers: args.number("servers", 3)?,
            agents: args.number("agents", 2)?,
            keep: args.text("keep").is_some(),
            dir: path("dir")?,
            bin: path("bin")?,
        };
        anyhow::ensure!((10..=7_200).contains(&settings.seconds), "--seconds: 10 to 7200");
        anyhow::ensure!((1..=9).contains(&settings.servers), "--servers: 1 to 9");
        anyhow::ensure!(settings.agents <= 9, "--agents: at most 9");
        if let Some(only) = settings.only.as_deref().filter(|only| *only != "none") {
            let known: Vec<&str> = faults::KINDS.iter().map(|kind| kind.name).collect();
            anyhow::ensure!(known.contains(&only), "--only {only}: one of none, {known:?}");
        }
        Ok(settings)
    }

    fn is_alone(&self) -> bool {
        self.servers == 1 && self.agents == 0
    }

    fn tail(&self) -> Duration {
        if self.smoke { SMOKE_TAIL } else { TAIL }
    }

    /// What the dice choose from.
    fn kinds(&self) -> Vec<&'static Kind> {
        let wanted = |kind: &&Kind| match &self.only {
            Some(only) => kind.name == only,
            None => kind.when == When::Always || kind.when == When::Usually && !self.smoke,
        };
        faults::KINDS.iter().filter(wanted).filter(|k| k.alone || !self.is_alone()).collect()
    }
}

/// Whether the verdict is what it should be.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    end_with_our_parent();
    let settings = Settings::read(args)?;
    let dir = settings.dir.clone();
    act(&settings)?;
    let planted = match &settings.planted {
        Some(what) => Some(planted::plant(&dir, what)?),
        None => None,
    };
    let case = Case::read(&dir)?;
    let verdict = check::check(&case);
    report::write(&dir, &case, &verdict)?;
    println!("{}", report::text(&case, &verdict));
    println!("picture: {}", dir.join("picture.svg").display());
    if !settings.keep {
        // Gigabytes of logs and data of a good run help nobody.
        let _ = fs::remove_dir_all(dir.join("data"));
    }
    Ok(match planted {
        Some(rule) => {
            let found = verdict.count(rule) > 0;
            println!("planted: `{rule}` was {}", if found { "found" } else { "NOT FOUND" });
            found
        }
        None if settings.smoke && verdict.is_good() => {
            let missed = planted::misses(&dir)?;
            match missed.as_slice() {
                [] => println!("planted: all of {:?} were found", planted::BUGS),
                missed => println!("planted: {missed:?} were NOT FOUND"),
            }
            missed.is_empty()
        }
        None => verdict.is_good(),
    })
}

/// Tries the tools.
pub fn trial(args: &Args) -> anyhow::Result<bool> {
    end_with_our_parent();
    let dir = args.text("dir").map(PathBuf::from).context("started by hand?")?;
    trial::run(&dir)?;
    println!("hosts, links and names are as they should");
    Ok(true)
}

/// The pipe from whoever started us closes when they end.
fn end_with_our_parent() {
    std::thread::spawn(|| {
        let mut nothing = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut nothing);
        // Everything in our namespaces ends with us.
        std::process::exit(130);
    });
}

/// Everything up to the files in the folder.
fn act(settings: &Settings) -> anyhow::Result<()> {
    let dir = &settings.dir;
    load::write_script(dir)?;
    let mut world = World::build(dir, &settings.bin, settings.servers, settings.agents)?;
    let all: Vec<String> = world.hosts.iter().map(|host| host.name.clone()).collect();
    for name in &all {
        world.start(name)?;
    }
    let begun = Instant::now();
    if let Err(e) = world.wait_whole() {
        show_logs(&world);
        return Err(e);
    }
    println!("== {} hosts are whole after {:.1} s", all.len(), begun.elapsed().as_secs_f64());
    let mut plan = create(settings, &world)?;
    let urls = world.servers().into_iter().map(|name| (name.clone(), world.url(&name)));
    let client = Client::start(urls.collect())?;
    let urls = world.servers().iter().map(|name| world.url(name)).collect();
    let names = plan.jobs.iter().filter(|job| check::keeps_apart(&job.concurrency));
    let archive = Archive::start(urls, names.map(|job| job.name.clone()).collect())?;
    let broken = break_things(settings, &mut world, &mut plan);
    world.switch.set(Rules::new());
    for name in &all {
        if !world.host(name).is_up() {
            world.host(name).boot()?;
        }
        if !world.host(name).is_meant_up {
            world.start(name)?;
        }
    }
    broken?;
    println!("== everything is mended, coming to rest");
    collect::settle(&mut world, &plan);
    let mut ops = client.stop();
    for server in world.servers() {
        ops.push(load::read(&server, &world.url(&server)));
    }
    collect::histories(&world, &plan, &archive.stop())?;
    world.look_after();
    world.hear_panics();
    all.iter().for_each(|name| world.kill_host(name));
    plan.incidents = world.incidents.clone();
    plan.left_out.extend(world.left_out.clone());
    case::write_ops(dir, &ops)?;
    case::write_plan(dir, &plan)
}

/// Creates the register and all jobs, by each server in turn.
fn create(settings: &Settings, world: &World) -> anyhow::Result<Plan> {
    let servers = world.servers();
    // In the middle of a second, so that neither end is a slot.
    let from = (now() + LEAD).div_euclid(SECOND) * SECOND + SECOND / 2;
    let until = from + settings.seconds as i64 * SECOND;
    let host =
        |host: &crate::world::host::Host| Host { name: host.name.clone(), server: host.server };
    let plan = Plan {
        seed: settings.seed,
        from,
        until,
        jobs: load::jobs(&world.workers(), &servers),
        hosts: world.hosts.iter().map(host).collect(),
        ..Plan::default()
    };
    load::create(&world.url(&servers[0]), &load::register(0))?;
    for (job, server) in plan.jobs.iter().zip(servers.iter().cycle()) {
        let told = load::definition(&settings.dir, job, from, until);
        load::create(&world.url(server), &told)?;
    }
    anyhow::ensure!(now() < from, "creating the jobs took longer than {LEAD} us");
    case::write_plan(&settings.dir, &plan)?;
    Ok(plan)
}

/// One fault after the other, until the tail of the span.
fn break_things(settings: &Settings, world: &mut World, plan: &mut Plan) -> anyhow::Result<()> {
    let kinds = settings.kinds();
    let mut dice = Dice::new(settings.seed);
    let mut bag: Vec<&Kind> = Vec::new();
    let tail = settings.tail().as_micros() as i64;
    let middle = plan.from + (plan.until - plan.from) / 2;
    let mut moves = settings.seconds >= MOVES_FROM && settings.only.is_none();
    wait_until(world, plan.from + SECOND);
    while now() < plan.until - tail && !kinds.is_empty() {
        if bag.is_empty() {
            bag = kinds.clone();
            dice.shuffle(&mut bag);
        }
        if moves && now() > middle {
            moves = false;
            bag.extend(faults::KINDS.iter().filter(|kind| kind.when == When::Once));
        }
        let kind = bag.pop().context("the bag was filled")?;
        let mut fault = (kind.choose)(world, &mut dice);
        let ends = now() + fault.lasts().as_micros() as i64;
        if ends > plan.until - tail && !plan.bands.is_empty() {
            break;
        }
        strike(world, plan, &mut *fault)?;
        let pause = dice.between(1_000, 4_000) as i64 * 1_000;
        // Several faults at once may leave no majority, which is another test.
        let recovered = now();
        let whole = faults::until(|| {
            world.look_after();
            Ok(world.is_whole())
        })?;
        println!("   whole again after {:.1} s", (now() - recovered) as f64 / 1e6);
        if !whole {
            world.incidents.push(format!("not whole 30 s after `{}`", fault.name()));
        }
        wait_until(world, now() + pause);
    }
    wait_until(world, plan.until);
    Ok(())
}

fn strike(world: &mut World, plan: &mut Plan, fault: &mut dyn Fault) -> anyhow::Result<()> {
    let (name, hosts, from) = (fault.name(), fault.hosts(), now());
    let lasts = fault.lasts();
    let at = (from - plan.from) as f64 / 1e6;
    println!("== {at:>6.1} s: {name} on {} for {lasts:?}", hosts.join(", "));
    if let Err(e) = fault.begin(world) {
        let text = format!("{name}: {e:#}");
        println!("   LEFT OUT: {text}");
        world.left_out.push(text);
        return Ok(());
    }
    wait_until(world, now() + lasts.as_micros() as i64);
    let mended = fault.end(world);
    plan.bands.push(Band { name: name.clone(), hosts, from, to: now() });
    mended.with_context(|| format!("mending `{name}`"))
}

/// Looks after the processes meanwhile: one that ends by itself is an incident.
fn wait_until(world: &mut World, at: i64) {
    while now() < at {
        world.look_after();
        let left = u64::try_from(at - now()).unwrap_or(0);
        std::thread::sleep(Duration::from_micros(left.min(200_000)));
    }
}

/// The ends of all logs, when a run can not even begin.
fn show_logs(world: &World) {
    for host in &world.hosts {
        let log = fs::read_to_string(host.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        println!("-- {}:", host.name);
        lines[lines.len().saturating_sub(15)..].iter().for_each(|line| println!("   {line}"));
    }
}
