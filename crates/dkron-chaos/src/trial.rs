//! Whether the tools of a run do what their names say, with hosts on which nothing of the product
//! runs: a cut link passes nothing, a delayed one is late, names have addresses that move.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::world::World;
use crate::world::switch::{Link, Rules};

pub fn run(dir: &Path) -> anyhow::Result<()> {
    let mut world = World::build(dir, Path::new("/bin/true"), 2, 1)?;
    let (one, two) = (vec!["s1".to_owned()], vec!["s2".to_owned()]);
    ensure!(reaches(&mut world, "s1", "s2")?, "s1 does not reach s2 on a whole network");
    ensure!(reaches(&mut world, "a1", "s1")?, "a1 does not reach s1 on a whole network");

    let mut both = world.link(&one, &two, Link::CUT);
    both.extend(world.link(&two, &one, Link::CUT));
    world.switch.set(both);
    ensure!(!reaches(&mut world, "s1", "s2")?, "a cut link passes something");
    ensure!(reaches(&mut world, "a1", "s2")?, "a cut between two hosts cuts a third one");
    world.switch.set(world.link(&two, &one, Link::CUT));
    ensure!(!reaches(&mut world, "s1", "s2")?, "a cut answer arrives");

    let delay = Duration::from_millis(300);
    world.switch.set(world.link(&one, &two, Link { delay, ..Link::default() }));
    let begun = Instant::now();
    ensure!(reaches(&mut world, "s1", "s2")?, "a delayed link passes nothing");
    ensure!(begun.elapsed() > delay, "a delayed link is as fast as any");
    world.switch.set(Rules::new());

    names(&mut world)?;
    world.kill_host("s2");
    ensure!(!reaches(&mut world, "s1", "s2")?, "a dead host answers");
    world.host("s2").boot()?;
    ensure!(reaches(&mut world, "s1", "s2")?, "a host that is back does not answer");
    let (passed, dropped) = world.switch.counts();
    ensure!(passed > 0 && dropped > 0, "the switch has counted nothing");
    Ok(())
}

/// The resolver of a host asks the test, and hears of a move at once.
fn names(world: &mut World) -> anyhow::Result<()> {
    let seen = world.host("a1").shell("getent ahostsv4 s2.dkron.test | head -n 1")?;
    ensure!(seen.starts_with("10.99.0.2 "), "s2.dkron.test is `{}`", seen.trim());
    world.host("s2").move_to(77)?;
    world.publish();
    let seen = world.host("a1").shell("getent ahostsv4 s2.dkron.test | head -n 1")?;
    ensure!(seen.starts_with("10.99.0.77 "), "s2.dkron.test stays at `{}`", seen.trim());
    ensure!(reaches(world, "s1", "s2")?, "a host that moved does not answer");
    Ok(())
}

/// One datagram there and one back, by the shell of a host and the kernel of the other: a port
/// where nobody listens is refused, and only a host that is reached can refuse.
fn reaches(world: &mut World, from: &str, to: &str) -> anyhow::Result<bool> {
    let Some(ip) = world.hosts.iter().find(|host| host.name == to).map(|host| host.ip()) else {
        bail!("there is no host {to}");
    };
    // The program of this test, since not every machine has one that dials.
    let own = std::env::current_exe()?;
    let script = format!("'{}' dial {ip}:9 || echo no", own.display());
    Ok(!world.host(from).shell(&script)?.contains("no"))
}

/// Whether somebody answers at an address, be it with a refusal.
pub fn dial(address: &str) -> anyhow::Result<()> {
    let patience = Duration::from_millis(1_500);
    match std::net::TcpStream::connect_timeout(&address.parse()?, patience) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => Ok(()),
        Err(e) => bail!("{address}: {e}"),
    }
}
