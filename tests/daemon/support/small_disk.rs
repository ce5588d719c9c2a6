//! A folder on a disk of its own that is small: a tmpfs, or an image with a file system that can fail, in a mount namespace that only
//! drover and its children see. It ends with them, however they end, so nothing has to be unmounted.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

/// Moves what the folder holds onto the small disk, puts that in its place, and becomes the program. $1 the folder, $2 its size.
const SCRIPT: &str = r#"set -e
mount -t tmpfs -o "size=$2" tmpfs "$1.small"
cp -a "$1/." "$1.small/"
mount --bind "$1.small" "$1"
shift 2
exec "$@""#;

/// The same with a file system in a file, which stays from one start to the next, checked before each: as a volume that is attached
/// again. What the folder held is moved onto it once.
const LASTING: &str = r#"set -e
if [ -e "$1.image" ]; then
    e2fsck -fy "$1.image" >/dev/null 2>&1 || test $? -lt 4
    mount -o loop,errors=remount-ro "$1.image" "$1.small"
else
    truncate -s "$2" "$1.image"
    mkfs.ext4 -q -F "$1.image"
    mount -o loop,errors=remount-ro "$1.image" "$1.small"
    cp -a "$1/." "$1.small/"
fi
mount --bind "$1.small" "$1"
shift 2
exec "$@""#;

/// Which folder of a home, and how large it is.
#[derive(Debug, Clone)]
pub struct SmallDisk {
    folder: PathBuf,
    megabytes: u32,
    /// What `unshare` needs here: nothing for one who may mount, a user namespace for others.
    namespace: &'static [&'static str],
    script: &'static str,
}

impl SmallDisk {
    /// For a folder that is there.
    ///
    /// # Errors
    /// Why this machine cannot: it allows no mount, as in a container without privileges.
    pub fn new(folder: &Path, megabytes: u32) -> Result<Self, String> {
        fs::create_dir_all(beside(folder)).map_err(|error| error.to_string())?;
        let mut refusals = Vec::new();
        for namespace in [&["--mount"][..], &["--mount", "--user", "--map-root-user"]] {
            let disk = Self { folder: folder.to_owned(), megabytes, namespace, script: SCRIPT };
            match disk.command("true").output() {
                Ok(output) if output.status.success() => return Ok(disk),
                Ok(output) => refusals.push(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
                Err(error) => refusals.push(format!("unshare: {error}")),
            }
        }
        Err(refusals.join("; "))
    }

    /// A file system (ext4) that can fail, see [`Self::fail`]; for root alone.
    ///
    /// # Errors
    /// Why this machine cannot: it mounts no file.
    pub fn that_can_fail(folder: &Path, megabytes: u32) -> Result<Self, String> {
        fs::create_dir_all(beside(folder)).map_err(|error| error.to_string())?;
        let disk = Self { folder: folder.to_owned(), megabytes, namespace: &["--mount"], script: LASTING };
        match disk.command("true").output() {
            Ok(output) if output.status.success() => Ok(disk),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("unshare: {error}")),
        }
    }

    /// The kernel meets an error in its file system, and writes nothing to it any more: not to files that are open either.
    #[track_caller]
    pub fn fail(&self, pid: i32) {
        let mounts = fs::read_to_string(format!("/proc/{pid}/mounts")).expect("it runs");
        let folder = self.folder.display().to_string();
        let device = mounts.lines().find_map(|line| {
            let mut words = line.split(' ');
            let device = words.next()?.strip_prefix("/dev/")?;
            (words.next()? == folder).then(|| device.to_owned())
        });
        let device = device.unwrap_or_else(|| panic!("{folder} is mounted:\n{mounts}"));
        fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "1").expect("root may");
    }

    /// Mounts the folder read-only over itself, as the running process sees it: what is open stays writable.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub fn forbid_writing(&self, pid: i32) -> Result<(), String> {
        self.within(pid, r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1""#)
    }

    /// Takes that away again.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub fn allow_writing(&self, pid: i32) -> Result<(), String> {
        self.within(pid, r#"umount "$1""#)
    }

    fn within(&self, pid: i32, script: &str) -> Result<(), String> {
        let target = pid.to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &target, "--mount", "sh", "-c", script, "sh"]).arg(&self.folder);
        match command.output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("nsenter: {error}")),
        }
    }

    /// A command that will see the folder on the small disk.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(self.namespace).args(["sh", "-c", self.script, "sh"]);
        command.arg(&self.folder).arg(format!("{}m", self.megabytes)).arg(program);
        command
    }

    /// Fills it to the last byte, as the running process sees it; gives the file that does.
    #[track_caller]
    pub fn fill(&self, pid: i32) -> PathBuf {
        let root = format!("/proc/{pid}/root{}", self.folder.display());
        let path = Path::new(&root).join("filler");
        let mut file = fs::File::create(&path).expect("the disk takes a file");
        let full = loop {
            if let Err(error) = file.write_all(&[7; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::StorageFull, "{full}");
        path
    }
}

fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".small");
    name.into()
}
