//! A folder on a disk of its own that is small: a tmpfs in a mount namespace that only drover and its children see. It ends with
//! them, however they end, so nothing has to be unmounted.

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

/// Which folder of a home, and how large it is.
#[derive(Debug, Clone)]
pub struct SmallDisk {
    folder: PathBuf,
    megabytes: u32,
    /// What `unshare` needs here: nothing for one who may mount, a user namespace for others.
    namespace: &'static [&'static str],
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
            let disk = Self { folder: folder.to_owned(), megabytes, namespace };
            match disk.command("true").output() {
                Ok(output) if output.status.success() => return Ok(disk),
                Ok(output) => refusals.push(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
                Err(error) => refusals.push(format!("unshare: {error}")),
            }
        }
        Err(refusals.join("; "))
    }

    /// A command that will see the folder on the small disk.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(self.namespace).args(["sh", "-c", SCRIPT, "sh"]);
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
