//! `drover config check`: the settings are valid, and this is what they are. Secrets are masked.

use super::{
    error::CliError,
    output::{say, table},
};
use crate::config::Loaded;

/// Shows every setting. That they were loaded means that they are valid.
pub(super) fn check(loaded: &Loaded) -> Result<(), CliError> {
    let rows: Vec<_> = loaded
        .settings
        .iter()
        .map(|setting| [setting.name.to_owned(), setting.value.clone(), setting.origin.to_string()])
        .collect();
    for line in table(["SETTING", "VALUE", "SET BY"], &rows) {
        say(&line)?;
    }
    say("The settings are valid.")?;
    Ok(())
}
