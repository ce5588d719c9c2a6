//! A time of day that a test sets while drover runs, for drover, its Redis and its browsers; the machine's own stays.

use std::{fs, path::PathBuf, process::Command};

use super::Home;

/// The clock of a home's processes.
pub struct SetClock {
    file: PathBuf,
}

impl SetClock {
    /// For what is started in this home from now on; none where no C compiler is.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(home: &Home) -> Result<Self, String> {
        let (library, file) = (home.path().join("set_clock.so"), home.path().join("set_clock"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/set_clock.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(source)
            .output()
            .map_err(|error| format!("cc: {error}"))?;
        if !built.status.success() {
            return Err(String::from_utf8_lossy(&built.stderr).into_owned());
        }
        let clock = Self { file };
        fs::write(&clock.file, 0_i64.to_ne_bytes()).expect("the scratch folder takes files");
        home.set("LD_PRELOAD", &library.display().to_string());
        home.set("SET_CLOCK", &clock.file.display().to_string());
        Ok(clock)
    }

    /// Sets it so many milliseconds ahead of the machine's, or behind.
    pub fn set_ahead(&self, by_ms: i64) {
        use std::os::unix::fs::FileExt;
        let file = fs::OpenOptions::new().write(true).open(&self.file).expect("it is there");
        // In place: the processes look at this very file.
        file.write_all_at(&by_ms.to_ne_bytes(), 0).expect("eight bytes are written at once");
    }
}
