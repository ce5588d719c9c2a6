//! What can go wrong when a session is asked for something.

use crate::{
    model::{SessionName, SessionState},
    page::PageError,
    store::StoreError,
};

/// A session did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No such session.
    #[error("there is no session '{0}'; POST /api/sessions makes one")]
    Unknown(SessionName),
    /// The name is taken.
    #[error("the session '{0}' is there already")]
    Exists(SessionName),
    /// The session is not in a state in which that can be done.
    #[error("the session '{name}' is {}; {needed}", state.as_str())]
    WrongState {
        /// Which session.
        name: SessionName,
        /// Where it stands.
        state: SessionState,
        /// What would be needed.
        needed: &'static str,
    },
    /// The page did not do it.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A profile could not be removed or moved.
    #[error("the profile of '{name}' could not be moved or removed: {source}")]
    Profile {
        /// Whose.
        name: SessionName,
        /// Why.
        source: std::io::Error,
    },
    /// A kept picture could not be read.
    #[error("the picture could not be read: {0}")]
    Screenshot(#[source] std::io::Error),
    /// It did not end in time.
    #[error("the session '{0}' did not end within 15 seconds; look at GET /api/sessions/{0} and try again")]
    TooSlow(SessionName),
    /// The daemon is shutting down.
    #[error("drover is shutting down; ask again when it is back")]
    Closing,
}

/// A page did not take a new bridge and keeps the one it has.
#[derive(Debug, thiserror::Error)]
#[error("the page of '{session}' refused the bridge: {source}")]
pub struct RefusedBridge {
    /// Whose page.
    pub session: SessionName,
    /// Why.
    pub source: PageError,
    /// How many pages had taken it before.
    pub taken_by: usize,
}
