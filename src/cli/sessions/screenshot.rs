//! `drover sessions screenshot <session>`

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        client::Client,
        error::CliError,
        output::{say, write},
    },
    model::SessionName,
};

/// Saves the page as it looks now.
pub(super) async fn screenshot(client: &Client, name: &SessionName, to: Option<&Path>) -> Result<(), CliError> {
    let is_stdout = to.is_some_and(|path| path == Path::new("-"));
    if is_stdout && io::stdout().is_terminal() {
        return Err(CliError::Usage("a PNG is nothing for a terminal: give a file with --output".to_owned()));
    }
    let png = client.bytes(&format!("/api/screenshot?session={name}"), "image/png").await?;
    if is_stdout {
        return Ok(write(&png)?);
    }
    let path = to.map_or_else(|| PathBuf::from(format!("{name}.png")), Path::to_owned);
    std::fs::write(&path, &png).map_err(|source| CliError::File { path: path.clone(), source })?;
    Ok(say(&format!("{} ({} kB)", path.display(), png.len().div_ceil(1000)))?)
}
