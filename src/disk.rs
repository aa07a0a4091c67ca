//! How much room is left on the disk of a folder, and whether that is enough.

use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

/// A megabyte, in bytes.
const MB: u64 = 1 << 20;

/// A disk that is watched, by a folder on it.
#[derive(Debug, Clone)]
pub struct Disk {
    folder: PathBuf,
    /// In bytes: with less, it is full.
    full_below: u64,
    /// In bytes: with less, it is nearly full.
    low_below: u64,
}

/// How much room a disk has for those who are not root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Enough.
    Enough,
    /// Not for long; so many bytes are free.
    Low(u64),
    /// None to work with; so many bytes are free.
    Full(u64),
}

impl Disk {
    /// The disk of a private PostgreSQL. It is full where two more segments of its log (16 MB each)
    /// have no room: PostgreSQL gives up when it cannot write one.
    pub fn of_postgres(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            full_below: 32 * MB,
            low_below: 1024 * MB,
        }
    }

    /// The disk of the data folder of a server whose database is elsewhere: small files, made once.
    pub fn of_keys(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            full_below: 64 << 10,
            low_below: MB,
        }
    }

    /// A folder on it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How much room there is; `None` for a disk that is not written to, or cannot be asked.
    pub fn room(&self) -> Option<Room> {
        let found = rustix::fs::statvfs(&self.folder).ok()?;
        if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return None;
        }
        Some(self.judge(found.f_bavail.saturating_mul(found.f_frsize)))
    }

    fn judge(&self, free: u64) -> Room {
        if free < self.full_below {
            Room::Full(free)
        } else if free < self.low_below {
            Room::Low(free)
        } else {
            Room::Enough
        }
    }
}

/// Bytes in whole megabytes, for people.
pub fn megabytes(bytes: u64) -> u64 {
    bytes / MB
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_before_nothing_fits_and_warned_of_before_that() {
        let postgres = Disk::of_postgres(Path::new("/"));
        let keys = Disk::of_keys(Path::new("/"));
        for (disk, free, room) in [
            (&postgres, 0, Room::Full(0)),
            (&postgres, 32 * MB - 1, Room::Full(32 * MB - 1)),
            (&postgres, 32 * MB, Room::Low(32 * MB)),
            (&postgres, 1024 * MB, Room::Enough),
            (&keys, 1024, Room::Full(1024)),
            (&keys, MB - 1, Room::Low(MB - 1)),
            (&keys, MB, Room::Enough),
        ] {
            assert_eq!(disk.judge(free), room, "{free}");
        }
        assert_eq!(Disk::of_keys(Path::new("/no/such/folder")).room(), None);
    }
}
