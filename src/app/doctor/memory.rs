//! How much memory this process may use: that of the machine, or less in a control group, as that
//! of a container or a unit of systemd. On Linux alone.

use std::{fs, path::Path};

/// The most memory that may be used, in bytes; `None` where the system does not say.
pub(super) fn most() -> Option<u64> {
    most_below(Path::new("/"))
}

/// The same in a tree with `proc` and `sys`.
fn most_below(root: &Path) -> Option<u64> {
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let machine = in_machine(&read("proc/meminfo")?)?;
    let groups = read("proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(|line| in_group(root, line));
    Some(limits.fold(machine, u64::min))
}

/// `MemTotal` of proc(5), in kB.
fn in_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}

/// The limits of a group and of those above it (cgroups(7)): `0::/path` in version 2,
/// `4:memory:/path` in version 1. Within a container the path may be that of the machine outside.
fn in_group(root: &Path, line: &str) -> Vec<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (mount, name) = if controllers.is_empty() {
        ("sys/fs/cgroup", "memory.max")
    } else if controllers.split(',').any(|one| one == "memory") {
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
    } else {
        return Vec::new();
    };
    let limit = |group: &Path| {
        let file = root.join(mount).join(group).join(name);
        // "max" is no limit.
        fs::read_to_string(file).ok()?.trim().parse().ok()
    };
    let groups = Path::new(path.trim_start_matches('/')).ancestors();
    groups.filter_map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    /// What may be used where these files are.
    fn most_with(files: &[(&str, &str)]) -> Option<u64> {
        let root = std::env::temp_dir().join(format!("lumatrace-memory-{}", uuid::Uuid::new_v4()));
        for (path, text) in files {
            let file = root.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let found = most_below(&root);
        fs::remove_dir_all(&root).ok();
        found
    }

    #[test]
    fn the_least_of_machine_and_groups_holds() {
        let machine = (
            "proc/meminfo",
            "MemTotal:        1048576 kB\nMemFree: 1 kB\n",
        );
        let group = ("proc/self/cgroup", "0::/a/b\n");
        assert_eq!(most_with(&[]), None);
        assert_eq!(most_with(&[machine]), Some(1024 * MB));
        let inner = ("sys/fs/cgroup/a/b/memory.max", "max\n");
        assert_eq!(most_with(&[machine, group, inner]), Some(1024 * MB));
        let outer = ("sys/fs/cgroup/a/memory.max", "536870912\n");
        assert_eq!(most_with(&[machine, group, inner, outer]), Some(512 * MB));
        // A container sees its own group at the root.
        let own = ("sys/fs/cgroup/memory.max", "268435456\n");
        assert_eq!(most_with(&[machine, group, own]), Some(256 * MB));
        let old = ("proc/self/cgroup", "5:cpu,cpuacct:/c\n4:memory:/c\n");
        let limit = (
            "sys/fs/cgroup/memory/c/memory.limit_in_bytes",
            "134217728\n",
        );
        let none = (
            "sys/fs/cgroup/memory/memory.limit_in_bytes",
            "9223372036854771712\n",
        );
        assert_eq!(most_with(&[machine, old, limit, none]), Some(128 * MB));
        assert!(most().unwrap_or(1 << 30) > 64 * MB);
    }
}
