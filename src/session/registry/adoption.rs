//! A login that was made elsewhere becomes a session's.

use std::path::Path;

use super::Registry;
use crate::{
    model::{Reason, SessionName, SessionView},
    session::error::SessionError,
};

impl Registry {
    /// Moves a profile that is ready, on the same file system, to where a session's lies. What lay there without a login is archived.
    ///
    /// # Errors
    /// When there is none of that name, it has a login, it runs, or the folder cannot be moved.
    pub async fn adopt_login(&self, name: &SessionName, profile: &Path) -> Result<SessionView, SessionError> {
        // Before it would be put to sleep for nothing, and again when nobody can link it any more.
        self.require_no_login(name)?;
        let _held = self.hold_asleep(name, Reason::new("import", "a login is being brought in")).await?;
        let view = self.require_no_login(name)?;
        let services = &self.inner.services;
        let logins = services.logins();
        let failed = |source| SessionError::Profile { name: name.clone(), source };
        logins.archive(name, services.clock.now_ms()).await.map_err(failed)?;
        logins.adopt(name, profile).await.map_err(failed)?;
        tracing::info!(session.id = %name, "a login was brought in");
        Ok(view)
    }

    fn require_no_login(&self, name: &SessionName) -> Result<SessionView, SessionError> {
        let view = self.view(name)?;
        if view.me.is_none() {
            return Ok(view);
        }
        let needed = "it has a login: log it out first, or import under another name";
        Err(SessionError::WrongState { name: name.clone(), state: view.state, needed })
    }
}
