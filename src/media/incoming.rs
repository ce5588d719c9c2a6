//! A file that comes in parts, until it is kept.

use super::{
    FileError, FileName, FileStore, StoredFile, file_names,
    mime_type::{self, Claims},
    scratch::{Scratch, WriteError},
    split_json::{self, SplitError},
};
use crate::model::SessionName;

/// What a file that came is called, and what it is.
#[derive(Debug, Clone)]
pub struct Label<'l> {
    /// What its name on the disk and in its URL is made of.
    pub naming: Naming<'l>,
    /// Its type, if whoever brought it said so.
    pub mime: Option<&'l str>,
    /// What people call it.
    pub file_name: Option<&'l str>,
}

/// What a file's name is made of.
#[derive(Debug, Clone, Copy)]
pub enum Naming<'l> {
    /// The id of the message that it was received with. What came with it is believed, and served as nothing that runs.
    Received(&'l str),
    /// Its content: the same file uploaded twice is one. Its type must be what it is said to be.
    Uploaded,
}

/// A file that comes in parts. Dropped, it is removed.
#[derive(Debug)]
pub struct Incoming {
    files: FileStore,
    scratch: Scratch,
    is_full: bool,
}

impl Incoming {
    pub(super) fn new(files: FileStore, scratch: Scratch) -> Self {
        Self { files, scratch, is_full: false }
    }

    /// How much has come.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.scratch.bytes()
    }

    /// Whether a part was refused because it would have been too much.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Adds the next part. A call that is dropped half-way, or fails, leaves nothing to go on with.
    ///
    /// # Errors
    /// When it becomes too large, or the disk fails.
    pub async fn append(&mut self, part: &[u8]) -> Result<(), FileError> {
        let appended = self.scratch.append(part).await;
        self.is_full |= matches!(appended, Err(WriteError::TooLarge { .. }));
        Ok(appended?)
    }

    /// It is whole: keeps it under its name, in place of one of the same name.
    ///
    /// # Errors
    /// When it is empty, or (uploaded) not what it is said to be; when the disk or the database fails.
    pub async fn finish(self, session: &SessionName, label: &Label<'_>) -> Result<StoredFile, FileError> {
        let whole = self.scratch.finish().await?;
        if whole.bytes == 0 {
            return Err(FileError::Empty);
        }
        let file_name = label.file_name.and_then(file_names::shown);
        let given = label.mime.map(str::trim).filter(|mime| is_mime(mime));
        let (mime, name) = match label.naming {
            Naming::Received(id) => {
                let sniffed = || mime_type::sniff(&whole.head).unwrap_or("application/octet-stream");
                let mime = given.unwrap_or_else(sniffed).to_owned();
                let name = FileName::made_of(id, &mime);
                (mime, name)
            }
            Naming::Uploaded => {
                let claims = Claims { declared: given, served: None, file_name: file_name.as_deref() };
                let mime = mime_type::decide(super::Kind::Document, claims, &whole.head)?;
                let name = FileName::made_of(&whole.sha256, &mime);
                (mime, name)
            }
        };
        self.files.keep(session, name, (mime, file_name), whole).await
    }

    /// What came is JSON: gives it without the text at `file.data`, and what that text was in base64.
    ///
    /// # Errors
    /// When it is no JSON object, or what is left of it is longer than `rest_limit_bytes`; when the data is no base64, or
    /// becomes larger than `data_limit_bytes`.
    pub async fn split_json(
        self,
        rest_limit_bytes: usize,
        data_limit_bytes: u64,
    ) -> Result<(Vec<u8>, Option<Self>), SplitError> {
        let file = self.scratch.into_file().await.map_err(FileError::from)?;
        let folder = self.files.partial_folder();
        let split =
            super::scratch::blocking(move || split_json::split(file, &folder, rest_limit_bytes, data_limit_bytes));
        let (rest, data) = split.await.map_err(FileError::from)??;
        Ok((rest, data.map(|file| Self::new(self.files, Scratch::of(file)))))
    }
}

/// Whether a type can stand in a header: `type/subtype`, perhaps with parameters.
fn is_mime(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let names = text.split(';').next().and_then(|essence| essence.split_once('/'));
    is_plain && text.len() <= 128 && names.is_some_and(|(kind, sub)| !kind.is_empty() && !sub.trim().is_empty())
}
