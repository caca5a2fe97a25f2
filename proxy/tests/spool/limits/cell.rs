//! What a pod's process may take: a control group of its own where one can be made, and the process's high-water mark
//! in any case.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// A control group with a limit of memory. Removed when dropped.
pub(super) struct Cell {
    /// `None` where none can be made: then the high-water mark is all there is.
    group: Option<Group>,
}

struct Group {
    folder: PathBuf,
    /// Name of the file that counts kills, and the word before the count.
    kills: (&'static str, &'static str),
}

/// Where groups are made, the file that takes the limit, and where kills are counted: version 2, and version 1.
const VERSIONS: [(&str, &str, (&str, &str)); 2] = [
    ("/sys/fs/cgroup", "memory.max", ("memory.events", "oom_kill ")),
    (
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        ("memory.oom_control", "oom_kill "),
    ),
];

impl Cell {
    pub(super) fn new(limit: u64) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("firehose-proxy-{}-{number}", std::process::id());
        let group = VERSIONS.into_iter().find_map(|(root, limits, kills)| {
            // Where version 1 is mounted, the root of version 2 is a folder like any other.
            Path::new(root).join("cgroup.procs").exists().then_some(())?;
            let folder = Path::new(root).join(&name);
            fs::create_dir(&folder).ok()?;
            let group = Group { folder, kills };
            fs::write(group.folder.join(limits), limit.to_string()).ok()?;
            Some(group)
        });
        if group.is_none() {
            println!("no control group can be made here: memory is judged by the high-water mark alone");
        }
        Self { group }
    }

    /// Shell commands with which a process goes in.
    pub(super) fn enter(&self) -> String {
        self.group.as_ref().map_or_else(String::new, |group| {
            format!("echo $$ > {}/cgroup.procs && ", group.folder.display())
        })
    }

    /// How many processes in it the kernel has killed for their memory.
    pub(super) fn killed(&self) -> u64 {
        let Some(Group { folder, kills }) = &self.group else {
            return 0;
        };
        let counts = fs::read_to_string(folder.join(kills.0)).unwrap();
        let count = counts.lines().find_map(|line| line.strip_prefix(kills.1));
        count.expect("kills are counted").trim().parse().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Whoever was in it has been killed by now or is being so; an empty group that stays costs nothing.
        for _ in 0..50 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Most memory that a process has had at once, in bytes.
pub(super) fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = kilobytes.unwrap().trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024
}

/// The first child of a process.
pub(super) fn child_of(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
