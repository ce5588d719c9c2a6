//! The layers laid over each other: for each setting its value, and where that was set.

use std::{collections::BTreeMap, fmt};

use toml::{Table, Value, de::DeTable};

use super::{
    ConfigError, DEFAULTS, Sources,
    rules::{self, RULES, Rule},
    sections::MASK,
    sources::{TextFile, Variable},
};

/// How similar two names must be for one to be meant by the other, from 0 to 1.
const SIMILAR: f64 = 0.75;
/// Variables of our own that are no settings.
const OTHER_VARIABLES: &[&str] = &["DROVER_CONFIG", "DROVER_URL"];

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In config.default.toml.
    Default,
    /// In a file.
    File {
        /// As people know it.
        file: String,
        /// Counted from 1.
        line: usize,
    },
    /// In the environment.
    Environment {
        /// By this variable.
        variable: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { file, line } => write!(formatter, "{file}:{line}"),
            Self::Environment { variable } => write!(formatter, "environment variable {variable}"),
        }
    }
}

/// A setting as it is shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `section.key`
    pub name: &'static str,
    /// Its value as TOML; masked where it is a secret.
    pub value: String,
    /// Where it was set.
    pub origin: Origin,
    content: Content,
}

impl Setting {
    /// Whether both have the same value, which is known of secrets, too.
    #[must_use]
    pub fn is_equal(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

/// A value that is compared and never shown.
#[derive(Clone, PartialEq, Eq)]
struct Content(String);

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("..")
    }
}

/// The value of every setting. Holds one for each rule, and each is allowed.
pub(super) struct Values(BTreeMap<&'static str, (Value, Origin)>);

/// Reads all layers; the later ones win.
pub(super) fn read(sources: &Sources) -> Result<Values, ConfigError> {
    let defaults = TextFile { shown_as: "config.default.toml".to_owned(), text: DEFAULTS.to_owned() };
    let mut values = Values(BTreeMap::new());
    for (name, value, _) in read_file(&defaults)? {
        values.0.insert(name, (value, Origin::Default));
    }
    if let Some(file) = &sources.file {
        for (name, value, line) in read_file(file)? {
            values.0.insert(name, (value, Origin::File { file: file.shown_as.clone(), line }));
        }
    }
    for layer in [&sources.dotenv, &sources.environment] {
        values.lay_over(layer)?;
    }
    for rule in RULES {
        let (value, _) = values.0.get(rule.name).expect("config.default.toml holds every setting, as a test shows");
        if !rule.allowed.accepts(value) {
            return Err(values.refuse(rule.name, rule.allowed.describe()));
        }
    }
    Ok(values)
}

impl Values {
    /// The settings as serde wants them: a table of tables.
    pub(super) fn nested(&self) -> Value {
        let mut root = Table::new();
        for (name, (value, _)) in &self.0 {
            let (section, key) = split(name);
            let section = root.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(key.to_owned(), value.clone());
            }
        }
        Value::Table(root)
    }

    /// The error that refuses the value of a setting.
    pub(super) fn refuse(&self, name: &str, allowed: String) -> ConfigError {
        let (value, origin) = match self.0.get(name) {
            Some((value, origin)) => (show(name, value), origin.clone()),
            None => ("missing".to_owned(), Origin::Default),
        };
        ConfigError::Value { name: name.to_owned(), origin, value, allowed }
    }

    /// All settings, in the order of config.default.toml.
    pub(super) fn shown(&self) -> Vec<Setting> {
        RULES
            .iter()
            .filter_map(|rule| {
                let (value, origin) = self.0.get(rule.name)?;
                Some(Setting {
                    name: rule.name,
                    value: show(rule.name, value),
                    origin: origin.clone(),
                    content: Content(value.to_string()),
                })
            })
            .collect()
    }

    fn lay_over(&mut self, variables: &[Variable]) -> Result<(), ConfigError> {
        for rule in RULES {
            let own = rule.variable();
            let names = std::iter::once(own.as_str()).chain(rule.variables.iter().copied());
            let set = names.filter_map(|name| variables.iter().find(|variable| variable.name == name)).next();
            if let Some(variable) = set {
                self.0.insert(rule.name, (rule.allowed.read(&variable.value), variable.origin.clone()));
            }
        }
        variables.iter().try_for_each(check_name)
    }
}

fn split(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or((name, ""))
}

fn show(name: &str, value: &Value) -> String {
    let is_empty = value.as_str().is_some_and(str::is_empty);
    if rules::find(name).is_some_and(|rule| rule.is_secret) && !is_empty { MASK.to_owned() } else { value.to_string() }
}

/// The settings of a file, each with its line.
fn read_file(file: &TextFile) -> Result<Vec<(&'static str, Value, usize)>, ConfigError> {
    let origin = |offset: usize| Origin::File { file: file.shown_as.clone(), line: line_at(&file.text, offset) };
    let syntax = |error: toml::de::Error| ConfigError::Syntax {
        origin: origin(error.span().map_or(0, |span| span.start)),
        message: error.message().lines().collect::<Vec<_>>().join("; "),
    };
    let spans = DeTable::parse(&file.text).map_err(syntax)?;
    let table: Table = toml::from_str(&file.text).map_err(syntax)?;
    let mut settings = Vec::new();
    for (section, content) in spans.get_ref() {
        let name = section.get_ref();
        let (Some(keys), Some(Value::Table(content))) = (content.get_ref().as_table(), table.get(name.as_ref())) else {
            return Err(unknown(name, origin(section.span().start)));
        };
        if keys.is_empty() && !RULES.iter().any(|rule| split(rule.name).0 == name) {
            return Err(unknown(name, origin(section.span().start)));
        }
        for key in keys.keys() {
            let full_name = format!("{name}.{}", key.get_ref());
            let origin = origin(key.span().start);
            let Some((rule, value)) = rules::find(&full_name).zip(content.get(key.get_ref().as_ref())) else {
                return Err(unknown(&full_name, origin));
            };
            let line = line_at(&file.text, key.span().start);
            settings.push((rule.name, value.clone(), line));
        }
    }
    Ok(settings)
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

fn unknown(name: &str, origin: Origin) -> ConfigError {
    let names = RULES.iter().flat_map(|rule| {
        let (section, key) = split(rule.name);
        [(rule.name, rule.name), (key, rule.name), (section, section)]
    });
    ConfigError::UnknownSetting { origin, name: name.to_owned(), nearest: nearest(name, names).map(str::to_owned) }
}

/// The target of the most similar name, if one is similar at all.
fn nearest<'n>(name: &str, names: impl Iterator<Item = (&'n str, &'n str)>) -> Option<&'n str> {
    names
        .map(|(candidate, target)| (strsim::normalized_damerau_levenshtein(name, candidate), target))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, target)| target)
}

/// Refuses a variable that looks like one of ours and is none. Platforms put variables of their own beside ours (Kubernetes
/// makes DROVER_SERVICE_HOST of a service named drover), so one without `__` must also be similar to a known one.
fn check_name(variable: &Variable) -> Result<(), ConfigError> {
    let name = variable.name.as_str();
    let known = |rule: &Rule| rule.variable() == name || rule.variables.contains(&name);
    if !name.starts_with("DROVER_") || OTHER_VARIABLES.contains(&name) || RULES.iter().any(known) {
        return Ok(());
    }
    let own: Vec<_> = RULES.iter().map(|rule| (rule.variable(), rule.variable().replace("__", "_"))).collect();
    let names = own
        .iter()
        .flat_map(|(own, slip)| [(own.as_str(), own.as_str()), (slip.as_str(), own.as_str())])
        .chain(RULES.iter().flat_map(|rule| rule.variables).map(|name| (*name, *name)))
        .chain(OTHER_VARIABLES.iter().map(|name| (*name, *name)));
    let nearest = nearest(name, names).map(str::to_owned);
    if nearest.is_some() || name.contains("__") {
        // As a setting's name, where it is made like one.
        let shown = name.strip_prefix("DROVER_").filter(|rest| rest.contains("__"));
        let shown = shown.map_or_else(|| name.to_owned(), |rest| rest.to_ascii_lowercase().replacen("__", ".", 1));
        return Err(ConfigError::UnknownSetting { origin: variable.origin.clone(), name: shown, nearest });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_rule_and_every_rule_a_setting() {
        let defaults = TextFile { shown_as: "defaults".to_owned(), text: DEFAULTS.to_owned() };
        let mut defined: Vec<_> =
            read_file(&defaults).expect("the defaults").into_iter().map(|(name, ..)| name).collect();
        let mut ruled: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
        defined.sort_unstable();
        ruled.sort_unstable();
        assert_eq!(defined, ruled);
    }

    #[test]
    fn the_comments_name_every_further_variable() {
        for variable in RULES.iter().flat_map(|rule| rule.variables) {
            assert!(DEFAULTS.contains(variable), "{variable} is not documented");
        }
    }
}
