//! `drover config check`: the settings are valid, and this is what they are. Secrets are masked.

use serde_json::{Value, json};

use super::{
    error::CliError,
    output::{say, say_json},
    table,
};
use crate::config::Loaded;

/// Shows every setting. That they were loaded means that they are valid.
pub(super) fn check(loaded: &Loaded, is_json: bool) -> Result<(), CliError> {
    if is_json {
        let settings: Vec<Value> = loaded
            .settings
            .iter()
            .map(|setting| json!({ "name": setting.name, "value": setting.value, "setBy": setting.origin.to_string() }))
            .collect();
        return Ok(say_json(&settings.into())?);
    }
    let rows: Vec<_> = loaded
        .settings
        .iter()
        .map(|setting| [setting.name.to_owned(), setting.value.clone(), setting.origin.to_string()])
        .collect();
    table::print(["SETTING", "VALUE", "SET BY"], &rows, None)?;
    Ok(say("The settings are valid.")?)
}
