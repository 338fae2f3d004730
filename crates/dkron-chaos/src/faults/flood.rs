//! A gigabyte of output while packets get lost: what is long must not hold up what is urgent.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use dkron_conformance::http::{self, Request};
use serde_json::{Value, json};

use super::{Fault, Kind, When};
use crate::load;
use crate::world::World;
use crate::world::switch::{Link, Rules};

const LOSS: f64 = 0.05;
/// Megabytes of one run, as text; what a run may keep is more.
const OUTPUT: u64 = 48;
const TOTAL: u64 = 1_000;
const ANSWER: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(200);

/// It explains nothing: no lease may end, and no leadership.
pub const FLOOD: Kind = Kind {
    name: "flood",
    alone: false,
    when: When::Asked,
    choose: |_, _| Box::new(Flood::default()),
};

#[derive(Default)]
struct Flood {
    job: String,
    tenure: Value,
}

impl Fault for Flood {
    fn name(&self) -> String {
        format!("{TOTAL} MB of output, {:.0} % of packets lost", LOSS * 100.0)
    }

    fn hosts(&self) -> Vec<String> {
        Vec::new()
    }

    fn lasts(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn begin(&mut self, world: &mut World) -> anyhow::Result<()> {
        let leader = world.leader().context("a leader")?;
        self.tenure = tenure(world, &leader)?;
        self.job = format!("flood-{}", dkron_bench::now());
        let bytes = OUTPUT * 1_000_000 * 3 / 4;
        let command = format!("/bin/sh -c 'head -c {bytes} /dev/urandom | base64 -w 99'");
        load::create(
            &world.url(&leader),
            &json!({
                "name": self.job,
                "schedule": "@manually",
                "tags": {"work": "yes"},
                "output_limit": 64 << 20,
                "executor": "shell",
                "executor_config": {"command": command},
            }),
        )?;
        let path = format!("/v1/jobs/{}", self.job);
        for _ in 0..TOTAL.div_ceil(OUTPUT * world.workers().len() as u64) {
            let sent = http::send(&world.url(&leader), &Request::new("POST", &path), ANSWER)?;
            anyhow::ensure!(sent.status < 300, "POST {path}: {} {}", sent.status, sent.text());
        }
        // Last: a fault that does not begin leaves nothing behind.
        let all: Vec<String> = world.hosts.iter().map(|host| host.name.clone()).collect();
        let loss = Link { loss: LOSS, ..Link::default() };
        world.switch.set(world.link(&all, &all, loss));
        Ok(())
    }

    /// Not before all of it has come.
    fn end(&mut self, world: &mut World) -> anyhow::Result<()> {
        let begun = Instant::now();
        let path = format!("/v1/jobs/{}/executions", self.job);
        let states = loop {
            let leader = world.leader().context("a leader")?;
            let list = world.get(&leader, &path)?;
            let list = list.as_array().context("a list")?;
            let states: Vec<String> =
                list.iter().map(|one| one["state"].as_str().unwrap_or("").to_owned()).collect();
            let is_open = |state: &String| ["pending", "running"].contains(&state.as_str());
            if !states.iter().any(is_open) {
                break states;
            }
            if begun.elapsed() > PATIENCE {
                bail!("after {PATIENCE:?} runs go on: {states:?}");
            }
            world.look_after();
            std::thread::sleep(POLL);
        };
        world.switch.set(Rules::new());
        let leader = world.leader().context("a leader")?;
        let tenure = tenure(world, &leader)?;
        let well = states.iter().filter(|state| *state == "success").count();
        println!(
            "   {well} of {} runs ended well, tenure {} to {tenure}",
            states.len(),
            self.tenure
        );
        if well < states.len() {
            world.incidents.push(format!("runs of the flood ended otherwise: {states:?}"));
        }
        if tenure != self.tenure {
            world.incidents.push(format!("the tenure went from {} to {tenure}", self.tenure));
        }
        Ok(())
    }
}

fn tenure(world: &World, leader: &str) -> anyhow::Result<Value> {
    Ok(world.get(leader, "/v1/operator/health")?["tenure"].clone())
}
