//! Settings: one struct a concern, read from config.default.toml, drover.toml, `.env` and the environment, in rising order.
//!
//! `section.key` in a file is `DROVER_SECTION__KEY` in the environment. Everybody may read these structs; nobody but
//! [`load`] makes them. What [`load`] returns is valid: each value is what `rules` allows, and those that depend on
//! each other fit. What is refused is refused in one line that names the setting, where it was set, the value (masked
//! where it is a secret) and what is allowed.

mod error;
mod http_sections;
mod layers;
mod limits;
mod live;
mod log_section;
mod mail_sections;
mod memory;
mod monitoring;
mod rules;
pub mod sections;
mod size;
mod sources;
pub mod watch;

pub use error::ConfigError;
pub use http_sections::{Http, Rate};
pub use layers::{Origin, Setting};
pub use limits::{RefusedLimit, SessionLimits};
pub use live::{LiveSettings, RefusedChange, Taken};
pub use log_section::{Log, LogFormat};
pub use mail_sections::{AlertThresholds, Alerts, Encryption, Smtp};
pub use memory::Memory;
pub use monitoring::{Health, Telemetry};
pub use rules::{check_log_level, is_mail_address};
pub use sections::{
    Admission, Browser, Config, Data, Database, Inbound, Keepalive, Limits, Media, Network, PresenceMode, Quality,
    Queue, Redis, Retention, Shutdown, Typing, Unknown, WebhookReceiver, Webhooks,
};
pub use size::{Budget, Size};
pub use sources::Sources;

/// The defaults, with the comment that documents each setting.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// What was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The same one by one, with where each was set; secrets are masked.
    pub settings: Vec<Setting>,
}

/// Reads and checks all layers.
///
/// # Errors
/// A file that cannot be read, a key that is no setting, a value that is not allowed.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let values = layers::read(sources)?;
    let mut config: Config = serde_path_to_error::deserialize(values.nested()).map_err(|error| {
        let name = error.path().to_string();
        values.refuse(&name, error.into_inner().to_string())
    })?;
    rules::check_together(&config).map_err(|(name, allowed)| values.refuse(name, allowed))?;
    config.data.dir = sources.folder.join(&config.data.dir);
    Ok(Loaded { config, settings: values.shown() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        let loaded = load(&Sources::of(std::path::Path::new("/srv"), &[])).expect("the defaults");
        assert_eq!(loaded.config.http.port, 3000);
        assert_eq!(loaded.config.http.bind.to_string(), "127.0.0.1");
        assert_eq!(loaded.config.data.dir, std::path::Path::new("/srv/./sessions"));
        assert!(loaded.settings.iter().all(|setting| setting.origin == Origin::Default));
    }

    #[test]
    fn a_changed_file_is_read_under_the_same_environment() {
        let sources = Sources::of(std::path::Path::new("/srv"), &[("DROVER_LIMITS__BURST", "2")]);
        let text = "[limits]\nburst = 7\nper_minute = 20\n".to_owned();
        let limits = load(&sources.with_file(text)).expect("it is valid").config.limits;
        assert_eq!((limits.burst, limits.per_minute), (2, 20));
        assert_eq!(sources.path(), std::path::Path::new("/srv/drover.toml"));
        let refused = load(&sources.with_file("[limits]\nper_minute = 0\n".to_owned())).expect_err("0 is none");
        assert!(refused.to_string().contains("drover.toml:2"), "{refused}");
    }

    #[test]
    fn every_default_is_documented() {
        let mut documented = false;
        for line in DEFAULTS.lines() {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(documented, "no comment above: {line}");
            }
            documented = line.starts_with('#') || documented && line.is_empty();
            documented &= !line.starts_with('[');
        }
    }
}
