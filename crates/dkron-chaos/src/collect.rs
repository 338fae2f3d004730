//! What every server tells at the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::archive::{self, Records};
use crate::case::{self, Plan};
use crate::world::World;

const POLL: Duration = Duration::from_millis(500);
/// A silent node's runs are given up after half a minute, and a job that holds waits for its node.
const SETTLE: Duration = Duration::from_secs(90);
/// Nothing new for so long: what an end makes due has begun by then.
const QUIET: Duration = Duration::from_secs(3);

/// Looks for one index at which all servers tell their hash.
const TRIES: u32 = 20;

/// Waits until everything that is known has ended and nothing new comes, or for too long.
pub fn settle(world: &mut World, plan: &Plan) {
    let begun = Instant::now();
    let mut last = (Instant::now(), 0);
    while begun.elapsed() < SETTLE {
        world.look_after();
        if let Some((count, 0)) = open(world, plan) {
            if count != last.1 {
                last = (Instant::now(), count);
            } else if last.0.elapsed() > QUIET {
                return;
            }
        } else {
            last.0 = Instant::now();
        }
        std::thread::sleep(POLL);
    }
    println!("== not everything has ended after {SETTLE:?}");
}

/// How many executions there are, and how many of them have not ended.
fn open(world: &World, plan: &Plan) -> Option<(usize, usize)> {
    let leader = world.leader()?;
    let (mut all, mut open) = (0, 0);
    for job in &plan.jobs {
        let told = world.get(&leader, &format!("/v1/jobs/{}/executions", job.name)).ok()?;
        let told = told.as_array()?;
        let is_open = |run: &&Value| {
            matches!(run["state"].as_str(), Some("pending" | "running" | "unreachable"))
        };
        all += told.len();
        open += told.iter().filter(is_open).count();
    }
    Some((all, open))
}

/// Writes the history of every server, each asked by itself.
pub fn histories(world: &World, plan: &Plan, records: &Records) -> anyhow::Result<()> {
    let states = states(world);
    for server in world.servers() {
        let mut jobs = Map::new();
        for job in &plan.jobs {
            let name = &job.name;
            let get = |rest: &str| {
                let target = format!("/v1/jobs/{name}{rest}");
                world.get(&server, &target).with_context(|| format!("the history of {server}"))
            };
            let mut skipped = get("/skipped")?;
            archive::complete(&mut skipped, records.get(name));
            let told = json!({
                "job": get("")?,
                "executions": get("/executions")?,
                "skipped": skipped,
            });
            jobs.insert(name.clone(), told);
        }
        let state = states.get(&server);
        case::write_history(&world.dir, &server, &json!({"jobs": jobs, "state": state}))?;
    }
    Ok(())
}

/// Index and hash of every server, at one index if they come to rest at one; a server that does
/// not tell is left out.
fn states(world: &World) -> BTreeMap<String, Value> {
    let mut told = BTreeMap::new();
    for _ in 0..TRIES {
        let last = told.values().filter_map(|state: &Value| state["index"].as_u64()).max();
        let target = last.map_or("/v1/operator/state".into(), |index| {
            format!("/v1/operator/state?index={index}")
        });
        let servers = world.servers().into_iter();
        told = servers
            .filter_map(|name| Some((name.clone(), world.get(&name, &target).ok()?)))
            .collect();
        let mut indexes = told.values().map(|state| &state["index"]);
        let first = indexes.next();
        if indexes.all(|index| Some(index) == first) {
            break;
        }
        std::thread::sleep(POLL);
    }
    told
}
