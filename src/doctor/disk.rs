//! The data folder's disk: space, whether it can be written to, and whether it survives a container.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;

use super::Finding;

const DISK: &str = "disk";
const VOLUME: &str = "volume";
const MB: u64 = 1024 * 1024;
/// A linked profile has 30 MB, and grows by 10 more while it syncs.
const TOO_LITTLE_BYTES: u64 = 100 * MB;
const LITTLE_BYTES: u64 = 1024 * MB;
const FEW_FILES: u64 = 10_000;

pub(super) async fn examine(data_dir: &Path) -> Finding {
    let there = existing(data_dir);
    if let Err(error) = tempfile::Builder::new().prefix(".doctor-").tempfile_in(&there) {
        let advice = "make it writable for this user, make space, or set DROVER_DATA_DIR to another folder";
        return Finding::fail(DISK, format!("{} cannot be written to: {error}", there.display()), advice);
    }
    let disk = match statvfs(&there) {
        Ok(disk) => disk,
        Err(error) => return Finding::fail(DISK, format!("{}: {error}", there.display()), "look at the disk"),
    };
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    let found = format!("{} MB free at {}", free / MB, data_dir.display());
    let advice = "make space: each session needs about 40 MB; [retention] says how long archives and files are kept";
    // File systems that make their files as they go (btrfs) tell 0 of 0.
    if disk.files() > 0 && disk.files_available() < FEW_FILES {
        return Finding::warn(DISK, format!("{found}, room for {} files", disk.files_available()), advice);
    }
    match free {
        0..TOO_LITTLE_BYTES => Finding::fail(DISK, found, advice),
        TOO_LITTLE_BYTES..LITTLE_BYTES => Finding::warn(DISK, found, advice),
        _ => Finding::ok(DISK, found),
    }
}

/// Whether what lies in the data folder survives.
pub(super) fn volume(data_dir: &Path) -> Finding {
    let there = existing(data_dir);
    let there = there.canonicalize().unwrap_or(there);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    judge(mount_of(&mounts, &there), is_container(), data_dir)
}

/// A mount: where, and of which kind.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    point: PathBuf,
    kind: String,
}

fn judge(mount: Option<Mount>, is_container: bool, data_dir: &Path) -> Finding {
    let Some(Mount { point, kind }) = mount else {
        return Finding::warn(VOLUME, "nobody tells where it lies", "look whether the data folder survives a redeploy");
    };
    let found = format!("{} on {kind}, mounted at {}", data_dir.display(), point.display());
    let advice = "mount a volume, and set DROVER_DATA_DIR to its folder (on Railway: attach a volume; drover finds it)";
    match kind.as_str() {
        "tmpfs" | "ramfs" => Finding::fail(VOLUME, format!("{found}: gone at the next boot"), advice),
        "overlay" | "aufs" => Finding::fail(VOLUME, format!("{found}: gone with the container"), advice),
        _ if is_container && point == Path::new("/") => {
            Finding::warn(VOLUME, format!("{found}: it may go with the container"), advice)
        }
        "nfs" | "nfs4" | "cifs" | "smb3" | "9p" => Finding::warn(
            VOLUME,
            format!("{found}: a network file system"),
            "SQLite and the locks on logins need a local disk: use a block volume, or PostgreSQL and a local data folder",
        ),
        _ => Finding::ok(VOLUME, found),
    }
}

/// The mount that a folder lies on: of those above it, the deepest, and of two at one place the later (proc(5)).
fn mount_of(mountinfo: &str, folder: &Path) -> Option<Mount> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let point = PathBuf::from(before.split(' ').nth(4)?.replace("\\040", " "));
        Some(Mount { point, kind: after.split(' ').next()?.to_owned() })
    });
    mounts.filter(|mount| folder.starts_with(&mount.point)).max_by_key(|mount| mount.point.components().count())
}

fn is_container() -> bool {
    let variables = ["RAILWAY_ENVIRONMENT", "KUBERNETES_SERVICE_HOST", "container"];
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists())
        || variables.iter().any(|name| std::env::var_os(name).is_some())
}

/// The folder, or the nearest one above it that is there.
fn existing(folder: &Path) -> PathBuf {
    folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    const MOUNTS: &str = "\
22 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=a
30 22 8:1 /v /data rw,relatime shared:1 - ext4 /dev/sda1 rw
31 22 0:30 / /my\\040disk rw - tmpfs tmpfs rw
";

    #[test]
    fn the_deepest_mount_counts() {
        let kind = |path: &str| mount_of(MOUNTS, Path::new(path)).expect("a mount").kind;
        assert_eq!(kind("/data/drover"), "ext4");
        assert_eq!(kind("/database"), "overlay");
        assert_eq!(kind("/my disk/x"), "tmpfs");
    }

    #[test]
    fn what_goes_with_the_container_fails() {
        let verdict = |point: &str, kind: &str, is_container| {
            let mount = Mount { point: PathBuf::from(point), kind: kind.to_owned() };
            judge(Some(mount), is_container, Path::new("/data")).verdict
        };
        assert_eq!(verdict("/", "overlay", true), Verdict::Fail);
        assert_eq!(verdict("/data", "tmpfs", false), Verdict::Fail);
        assert_eq!(verdict("/", "ext4", true), Verdict::Warn);
        assert_eq!(verdict("/data", "nfs4", false), Verdict::Warn);
        assert_eq!(verdict("/data", "ext4", true), Verdict::Ok);
        assert_eq!(verdict("/", "ext4", false), Verdict::Ok);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_yet_is_looked_at_where_it_will_be_and_nothing_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let finding = examine(&folder.path().join("data/drover")).await;
        assert_ne!(finding.verdict, Verdict::Fail, "{finding:?}");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
        assert_eq!(examine(Path::new("/proc/self")).await.verdict, Verdict::Fail);
    }
}
