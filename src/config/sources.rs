//! Where settings come from, gathered once: nothing else in `config` looks at the process or the disk's other files.

use std::path::{Path, PathBuf};

use super::{ConfigError, Origin};

/// The name of the file that is read from the working folder when no other was named.
const FILE_NAME: &str = "drover.toml";
/// The file of variables in the working folder.
const VARIABLES_NAME: &str = ".env";

/// A text file that was read.
#[derive(Clone)]
pub(super) struct TextFile {
    /// As people know it.
    pub(super) shown_as: String,
    /// What it says.
    pub(super) text: String,
}

/// A variable of `.env` or of the environment; never an empty one.
#[derive(Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) origin: Origin,
}

/// What [`super::load`] reads.
#[derive(Clone)]
pub struct Sources {
    /// What relative paths are relative to.
    pub(super) folder: PathBuf,
    /// drover.toml, or the file that was named.
    pub(super) file: Option<TextFile>,
    /// Where that file is, or would be.
    path: PathBuf,
    /// The variables of `.env`.
    pub(super) dotenv: Vec<Variable>,
    /// The process' variables.
    pub(super) environment: Vec<Variable>,
}

impl Sources {
    /// The sources of this process. `.env` goes into the process' environment too, where it overrides nothing, so that
    /// the programs that drover starts see it: call this before any thread is started.
    ///
    /// # Errors
    /// When the named file is not there, or one that is there cannot be read.
    pub fn of_process(named: Option<&Path>) -> Result<Self, ConfigError> {
        let folder = std::env::current_dir()
            .map_err(|source| ConfigError::Unreadable { path: PathBuf::from("the working folder"), source })?;
        let environment: Vec<_> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let sources = Self::gather(&folder, named, &environment)?;
        if let Some(file) = read(&folder.join(VARIABLES_NAME), VARIABLES_NAME)? {
            dotenvy::from_read(file.text.as_bytes()).map_err(|error| refuse_line(&file, &error))?;
        }
        Ok(sources)
    }

    /// The sources of a process that works in `folder` with these variables.
    ///
    /// # Errors
    /// As [`Self::of_process`].
    pub fn gather(folder: &Path, named: Option<&Path>, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        let file = match named {
            Some(path) => Some(read(&folder.join(path), &path.display().to_string())?.ok_or_else(|| {
                ConfigError::Unreadable { path: path.to_owned(), source: std::io::ErrorKind::NotFound.into() }
            })?),
            None => read(&folder.join(FILE_NAME), FILE_NAME)?,
        };
        let dotenv = match read(&folder.join(VARIABLES_NAME), VARIABLES_NAME)? {
            Some(file) => parse_variables(&file)?,
            None => Vec::new(),
        };
        let path = folder.join(named.unwrap_or(Path::new(FILE_NAME)));
        Ok(Self { folder: folder.to_owned(), file, path, dotenv, environment: set_by_environment(environment) })
    }

    /// Sources without any file: the defaults, and these variables.
    #[must_use]
    pub fn of(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let environment = set_by_environment(&environment);
        let path = folder.join(FILE_NAME);
        Self { folder: folder.to_owned(), file: None, path, dotenv: Vec::new(), environment }
    }

    /// Where drover.toml is, or would be, or the file that was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where `.env` is, or would be.
    #[must_use]
    pub fn variables_path(&self) -> PathBuf {
        self.folder.join(VARIABLES_NAME)
    }

    /// The same sources with another text in that file.
    #[must_use]
    pub fn with_file(&self, text: String) -> Self {
        let shown_as = match &self.file {
            Some(file) => file.shown_as.clone(),
            None => FILE_NAME.to_owned(),
        };
        Self { file: Some(TextFile { shown_as, text }), ..self.clone() }
    }
}

/// Those that are set: an empty one is not.
fn set_by_environment(variables: &[(String, String)]) -> Vec<Variable> {
    let set = variables.iter().filter(|(_, value)| !value.trim().is_empty());
    set.map(|(name, value)| Variable {
        name: name.clone(),
        value: value.clone(),
        origin: Origin::Environment { variable: name.clone() },
    })
    .collect()
}

/// The file's text; None when there is no such file.
fn read(path: &Path, shown_as: &str) -> Result<Option<TextFile>, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(TextFile { shown_as: shown_as.to_owned(), text })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Unreadable { path: path.to_owned(), source }),
    }
}

/// The variables of `.env`, where the first one of a name wins. A line that is none is refused without being repeated: it
/// may hold a secret.
fn parse_variables(file: &TextFile) -> Result<Vec<Variable>, ConfigError> {
    dotenvy::from_read_iter(file.text.as_bytes())
        .map(|entry| entry.map_err(|error| refuse_line(file, &error)))
        .filter(|entry| entry.as_ref().map_or(true, |(_, value)| !value.trim().is_empty()))
        .map(|entry| {
            let (name, value) = entry?;
            let origin = Origin::File { file: file.shown_as.clone(), line: line_of(file, &name) };
            Ok(Variable { name, value, origin })
        })
        .collect()
}

/// The line on which `.env` sets a variable.
fn line_of(file: &TextFile, name: &str) -> usize {
    let sets_it = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    file.text.lines().position(sets_it).map_or(1, |index| index + 1)
}

fn refuse_line(file: &TextFile, error: &dotenvy::Error) -> ConfigError {
    let line = match error {
        dotenvy::Error::LineParse(refused, _) => {
            let start = refused.lines().next().unwrap_or_default().trim();
            file.text.lines().position(|line| line.trim() == start).map_or(1, |index| index + 1)
        }
        _ => 1,
    };
    ConfigError::Syntax {
        origin: Origin::File { file: file.shown_as.clone(), line },
        message: "this is no line of the form NAME=value; put a value with blanks, quotes, # or $ into single quotes"
            .to_owned(),
    }
}
