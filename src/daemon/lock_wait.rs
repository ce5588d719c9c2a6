//! The wait for the data folder while another drover has it, as in a redeploy in which two containers overlap on one volume.
//!
//! Invariant: two never have the folder; whoever waits says so, and says when it goes on.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::data_folder::{DataFolder, DataFolderError};
use crate::{
    api::{Doorman, Phase},
    config::Data,
};

/// Nobody tells when a lock is let go.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often a long wait is told of again.
const SAY_EVERY: Duration = Duration::from_secs(30);

/// Opens the data folder; while another drover has it, waits for it as long as the settings say.
///
/// # Errors
/// When the folder cannot be used, or the other one still has it at last.
pub(super) async fn open(settings: &Data, doorman: &Doorman) -> Result<DataFolder, DataFolderError> {
    let began = Instant::now();
    let limit = Duration::from_secs(settings.lock_wait_s);
    let mut said_at: Option<Instant> = None;
    loop {
        let in_use = match DataFolder::open(&settings.dir) {
            Ok(folder) => {
                if said_at.is_some() {
                    info!(waited_s = began.elapsed().as_secs(), "the data folder is free: starting");
                }
                doorman.note(Phase::Starting);
                return Ok(folder);
            }
            Err(in_use @ DataFolderError::InUse { .. }) if began.elapsed() < limit => in_use,
            Err(error) => return Err(error),
        };
        if said_at.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            said_at = Some(Instant::now());
            doorman.note(Phase::WaitingForFolder);
            if let DataFolderError::InUse { path, holder } = in_use {
                warn!(
                    path = %path.display(),
                    holder,
                    waited_s = began.elapsed().as_secs(),
                    limit_s = settings.lock_wait_s,
                    "another drover has the data folder: waiting until it ends (data.lock_wait_s)"
                );
            }
        }
        sleep(LOOK_EVERY).await;
    }
}
