//! A disk that is full to the last byte, and one that takes long for every write.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::linux::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::{Fault, Kind, When, millis};
use crate::world::World;

/// Bears T-09.
pub const FULL: Kind = Kind {
    name: "full-disk",
    alone: false,
    when: When::Usually,
    choose: |world, dice| {
        let host = world.small_disk.clone();
        Box::new(Full { host, lasts: millis(dice, 4_000, 10_000) })
    },
};

/// Bears T-09.
pub const SLOW: Kind = Kind {
    name: "slow-disk",
    alone: true,
    when: When::Usually,
    choose: |world, dice| {
        let servers = world.servers();
        let on_disk = servers.iter().filter(|name| world.small_disk.as_ref() != Some(*name));
        let mut host: Vec<String> = on_disk.cloned().collect();
        dice.shuffle(&mut host);
        Box::new(Slow { host: host.pop(), writes: dice.between(8, 30), lasts: SLOW_LASTS })
    },
};

const SLOW_LASTS: Duration = Duration::from_secs(10);
const FILLER: &str = "filler";

struct Full {
    host: Option<String>,
    lasts: Duration,
}

impl Fault for Full {
    fn name(&self) -> String {
        "full disk".into()
    }

    fn hosts(&self) -> Vec<String> {
        self.host.iter().cloned().collect()
    }

    fn lasts(&self) -> Duration {
        self.lasts
    }

    fn begin(&mut self, world: &mut World) -> anyhow::Result<()> {
        let host = self.host.clone().context("no small disk could be mounted")?;
        let path = world.host(&host).data().join(FILLER);
        let mut filler = File::create(&path).with_context(|| format!("creating {path:?}"))?;
        for size in [1 << 20, 1 << 12, 1] {
            let block = vec![b'x'; size];
            while filler.write_all(&block).is_ok() {}
        }
        Ok(())
    }

    fn end(&mut self, world: &mut World) -> anyhow::Result<()> {
        let host = self.host.clone().context("no small disk")?;
        fs::remove_file(world.host(&host).data().join(FILLER)).context("making room")
    }
}

/// Where cgroups of version 1 limit what a process writes.
const BLKIO: &str = "/sys/fs/cgroup/blkio";

/// The name of the group that a run makes; whoever started the run removes it.
pub fn group(dir: &std::path::Path) -> PathBuf {
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned());
    PathBuf::from(BLKIO).join(format!("dkron-chaos-{}", name.unwrap_or_default()))
}

struct Slow {
    host: Option<String>,
    /// A second.
    writes: u64,
    lasts: Duration,
}

impl Fault for Slow {
    fn name(&self) -> String {
        format!("{} writes/s", self.writes)
    }

    fn hosts(&self) -> Vec<String> {
        self.host.iter().cloned().collect()
    }

    fn lasts(&self) -> Duration {
        self.lasts
    }

    fn begin(&mut self, world: &mut World) -> anyhow::Result<()> {
        let host = self.host.clone().context("no server has a disk that can be slowed")?;
        let limit = PathBuf::from(BLKIO).join("blkio.throttle.write_iops_device");
        if !limit.exists() {
            bail!("no cgroup v1 controller blkio at {BLKIO}");
        }
        let group = group(&world.dir);
        let device = device(&world.dir)?;
        let writes = self.writes;
        let group = group.display();
        world.host(&host).shell(&format!(
            "mkdir -p '{group}'
            echo '{device} {writes}' > '{group}/blkio.throttle.write_iops_device'
            for process in /proc/[0-9]*; do
                if grep -q -a dkron \"$process/cmdline\" 2> /dev/null; then
                    echo \"${{process#/proc/}}\" > '{group}/cgroup.procs' || true
                fi
            done"
        ))?;
        Ok(())
    }

    fn end(&mut self, world: &mut World) -> anyhow::Result<()> {
        let group = group(&world.dir);
        let device = device(&world.dir)?;
        // The processes stay in the group, without a limit.
        fs::write(group.join("blkio.throttle.write_iops_device"), format!("{device} 0\n"))
            .context("lifting the limit")
    }
}

/// Major and minor number of the whole disk below a folder.
fn device(dir: &std::path::Path) -> anyhow::Result<String> {
    let number = fs::metadata(dir)?.st_dev();
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    let block = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
    if !block.exists() {
        bail!("{dir:?} is on no block device ({major}:{minor})");
    }
    if block.join("partition").exists() {
        let whole = fs::canonicalize(&block)?;
        let whole = whole.parent().context("a partition has a disk")?.join("dev");
        return Ok(fs::read_to_string(whole)?.trim().to_owned());
    }
    Ok(format!("{major}:{minor}"))
}
