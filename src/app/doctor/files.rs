//! Checks of the data folder: who may read and change what, whether a new master key is in place,
//! and how much room there is.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use super::{
    super::{Store, store, weakness},
    Code, Finding, SetUp,
};
use crate::disk::{Disk, Room, megabytes};

/// All bits of a mode that concern permissions.
const PERMISSIONS: u32 = 0o7777;
/// Those of users who are not the owner.
const OTHERS: u32 = 0o077;

/// The modes of folder and files. What is wrong with them is a weak set-up, and said there.
pub(super) fn modes(set_up: &SetUp<'_>) -> Vec<Finding> {
    let folder = &set_up.config.installation.data_dir;
    if !weakness::of_files(folder).is_ok_and(|found| found.is_empty()) {
        return Vec::new();
    }
    let files = store::secret_files(folder);
    let paths = std::iter::once(folder).chain(&files);
    let told: Vec<String> = paths.filter_map(|path| mode(path)).collect();
    if told.is_empty() {
        return Vec::new();
    }
    vec![Finding::good(Code::Files, told.join(", "))]
}

/// A path and its mode; `None` where nothing is.
fn mode(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.mode() & PERMISSIONS;
    Some(format!("{} has mode {mode:04o}", path.display()))
}

/// Whether a new master key is about to take the place of one.
pub(super) fn rekey(set_up: &SetUp<'_>) -> Vec<Finding> {
    let settings = &set_up.config.installation;
    // What cannot be read is said where the key is needed.
    let Ok(Some(key)) = store::present_master_key(settings) else {
        return Vec::new();
    };
    if !key.is_two() {
        return Vec::new();
    }
    let (message, cure) = if settings.master_key_other.is_some() {
        (
            "LUMATRACE_MASTER_KEY_OTHER is set: a new master key is not in its place yet"
                .to_owned(),
            "go on with docs/operations.md, \"A new master key\": `lumatrace rekey` once, then unset LUMATRACE_MASTER_KEY_OTHER",
        )
    } else {
        let [next, ..] = store::secret_files(&settings.data_dir);
        (
            format!(
                "{} lies beside master.key: a new master key is being put in place, or that was broken off",
                next.display()
            ),
            "run `lumatrace rekey` again, which goes on with that key, unless it still runs",
        )
    };
    vec![Finding::bad(Code::RekeyUnfinished, message, cure)]
}

/// How much room the disks have that a server writes to, by its own measure.
pub(super) fn disks(set_up: &SetUp<'_>) -> Vec<Finding> {
    // What cannot be read is said where the database is opened.
    let disks = Store::disks_of(&set_up.config.installation).unwrap_or_default();
    disks.iter().filter_map(of_disk).collect()
}

fn of_disk(disk: &Disk) -> Option<Finding> {
    let folder = disk.folder().display();
    Some(match disk.room()? {
        Room::Enough => Finding::good(Code::Disk, format!("the disk of {folder} has room")),
        Room::Low(free) => Finding::bad(
            Code::DiskLow,
            format!(
                "the disk of {folder} is nearly full: {} MB are free",
                megabytes(free)
            ),
            DISK_CURE,
        ),
        Room::Full(free) => full(&format!(
            "the disk of {folder} is full: {} MB are free",
            megabytes(free)
        )),
    })
}

const DISK_CURE: &str = "make room there (`df -h` and `du -xh` say what takes it), or move LUMATRACE_DATA_DIR to another disk";

/// A disk without room.
pub(super) fn full(message: &str) -> Finding {
    Finding::bad(Code::DiskFull, message, DISK_CURE)
}

/// Whether other users may enter the folder of the private PostgreSQL's socket.
pub(super) fn socket_folder(store: &Store) -> Option<Finding> {
    let folder = store.socket_dir()?;
    let mode = fs::metadata(folder).ok()?.mode();
    let folder = folder.display();
    (mode & OTHERS != 0).then(|| {
        Finding::bad(
            Code::SocketFolderOpen,
            format!(
                "other users may enter {folder}, the folder of the private PostgreSQL's socket"
            ),
            format!("run `chmod 700 {folder}`"),
        )
    })
}
