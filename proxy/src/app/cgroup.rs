//! The memory limit that the kernel holds the process to, if there is one.

use std::{fs, path::Path};

/// Version 1 says "no limit" by a number near the largest one.
const NO_LIMIT: u64 = 1 << 60;

/// The smallest limit of the process's control groups, in bytes. `None` without one, or where it cannot be read.
pub(super) fn memory_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    limit(&groups, Path::new("/sys/fs/cgroup"))
}

/// `groups` is what `/proc/self/cgroup` says, `mounted` where the groups are.
fn limit(groups: &str, mounted: &Path) -> Option<u64> {
    let groups = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let is_v2 = number == "0" && controllers.is_empty();
        let is_v1 = controllers.split(',').any(|controller| controller == "memory");
        (is_v2 || is_v1).then(|| (is_v2, path.trim_start_matches('/')))
    });
    let limits = groups.flat_map(|(is_v2, path)| {
        let (root, file) = match is_v2 {
            true => (mounted.to_owned(), "memory.max"),
            false => (mounted.join("memory"), "memory.limit_in_bytes"),
        };
        // Each group is bound by those above it. Inside of a container the path may be the host's, and only the root is
        // there.
        let above = Path::new(path).ancestors().map(|group| root.join(group).join(file));
        above
            .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok())
            .collect::<Vec<_>>()
    });
    limits.filter(|limit| *limit < NO_LIMIT).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &str)], groups: &str) -> Option<u64> {
        let mounted = tempfile::tempdir().unwrap();
        for (file, content) in files {
            let path = mounted.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        limit(groups, mounted.path())
    }

    #[test]
    fn the_smallest_limit_of_all_groups_counts() {
        for (files, groups, expected) in [
            (&[][..], "", None),
            (&[("memory.max", "max\n")], "0::/\n", None),
            (&[("memory.max", "536870912\n")], "0::/\n", Some(536_870_912)),
            (
                &[("pods/a/memory.max", "max\n"), ("pods/memory.max", "1000\n")],
                "0::/pods/a\n",
                Some(1000),
            ),
            (&[("memory.max", "7\n")], "0::/kubepods/not/here\n", Some(7)),
            (
                &[
                    ("memory/a/memory.limit_in_bytes", "2000\n"),
                    ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ],
                "4:cpu,memory:/a\n0::/\n",
                Some(2000),
            ),
            (
                &[("memory/memory.limit_in_bytes", "9223372036854771712\n")],
                "4:memory:/a\n0::/\n",
                None,
            ),
            (&[("memory.max", "nonsense")], "nonsense\n0::/\n", None),
        ] {
            assert_eq!(written(files, groups), expected, "{groups:?} {files:?}");
        }
    }
}
