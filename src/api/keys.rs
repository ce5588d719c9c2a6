//! The keys that open the API. The first one is given by the operator, or made and kept in a file that only its owner may
//! read. No key is ever printed.

mod create;
mod delete;
mod file;
mod form;
mod list;
mod scope;
mod update;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    problem::{Answer, Problem},
    state::Parts,
};
use crate::{
    clock::Clock,
    config,
    store::{ApiKeyRecord, Store, StoreError},
};

/// The file's name in the data folder.
const FILE_NAME: &str = "admin.key";
/// The id of the admin key in the store: there is one, and a new one takes its place.
const ADMIN: &str = "admin";
/// What a key that can be guessed is shorter than.
const SHORT: usize = 16;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(list::list, create::create)).routes(routes!(update::update, delete::delete))
}

/// The keys. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keys {
    store: Store,
    file: Option<PathBuf>,
}

/// There is no admin key.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read or made.
    #[error("the admin key's file {} cannot be read or made: {source}; check who owns it, or set DROVER_API_KEY", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store does not take its hash.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Keys {
    /// Opens the keys of the store. The admin key is the one that the settings give, else that of the file in the data folder,
    /// which is made if it is not there (0600); an admin key of before opens nothing any more.
    ///
    /// # Errors
    /// When the file or the store cannot be used.
    pub async fn open(
        store: Store,
        settings: &config::Http,
        data_dir: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeysError> {
        let (file, key) = if settings.api_key.is_empty() {
            let path = data_dir.join(FILE_NAME);
            let key = file::read_or_make(&path).map_err(|source| KeysError::File { path: path.clone(), source })?;
            (Some(path), key)
        } else {
            (None, settings.api_key.clone())
        };
        if key.len() < SHORT {
            tracing::warn!("the admin key has less than {SHORT} characters: whoever reaches the API can guess it");
        }
        let record = ApiKeyRecord {
            id: ADMIN.to_owned(),
            hash: form::hash(key.as_bytes()),
            is_admin: true,
            session: None,
            actions: Vec::new(),
            is_active: true,
            created_at_ms: clock.now_ms(),
        };
        let keys = store.api_keys();
        if keys.get(ADMIN).await?.is_none_or(|known| known.hash != record.hash) {
            keys.delete(ADMIN).await?;
            keys.insert(&record).await?;
        }
        Ok(Self { store, file })
    }

    /// The file with the admin key; None when the settings gave it.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// What a key opens, if it opens anything.
    pub(super) async fn find(&self, key: &[u8]) -> Result<Option<ApiKeyRecord>, StoreError> {
        let hash = form::hash(key);
        let record = self.store.api_keys().find_by_hash(&hash).await?;
        Ok(record.filter(|record| record.is_active && form::are_equal(&record.hash, &hash)))
    }
}

/// The id of a key that may be changed. The admin key of the start is not: its file, or its setting, says what it is.
fn changeable(id: &str) -> Answer<&str> {
    if id == ADMIN {
        let text = "this key comes from admin.key or DROVER_API_KEY: change it there, and start drover again";
        return Err(Problem::wrong_state(text));
    }
    Ok(id)
}

/// The problem of an id that no key has.
fn unknown() -> Problem {
    Problem::new(axum::http::StatusCode::NOT_FOUND, "unknown_key", "there is no key of this id")
}
