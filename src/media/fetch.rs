//! Fetches a file that is to be sent: from a URL, from base64, or from what was uploaded.
//!
//! A download is retried and, where the server can, goes on where it stood. What it costs is bounded: in time by
//! `media.fetch_timeout_s`, in bytes by the kind's limit, in memory by a buffer.

mod download;
mod response;

use std::{sync::Arc, time::Duration};

use metrics::{counter, histogram};
use reqwest::Url;
use tokio::time::Instant;
use tracing::debug;

use super::{
    FetchError, FileName, FileStore, Kind, MediaFile,
    circuit::Circuits,
    file_names,
    media_file::Place,
    mime_type::{self, Claims},
    scratch::{Scratch, ScratchFile, Whole, WriteError, blocking},
};
use crate::{
    config,
    model::SessionName,
    network::{Client, ClientOptions},
};
use download::{Download, Served};

/// How long resolving and connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A file that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub origin: Origin,
    /// What whoever sends it says of it.
    pub declared: Declared,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// On a server, by http or https.
    Url(String),
    /// Here, in base64 of any usual form.
    Base64(String),
    /// Among the files that drover keeps: uploaded before, or received.
    Kept(SessionName, FileName),
}

/// What whoever sends a file says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// Its type. Must be true.
    pub mime: Option<String>,
    /// Its name.
    pub file_name: Option<String>,
}

/// Fetches files. Cheap to clone; clones share connections and circuits.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    settings: Arc<config::Media>,
    circuits: Circuits,
    files: FileStore,
}

impl Fetcher {
    /// A fetcher that keeps what it fetches in the folder of `files` until it is let go.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: &config::Media, network: &config::Network, files: &FileStore) -> Result<Self, reqwest::Error> {
        let options = ClientOptions {
            connect_timeout: CONNECT_TIMEOUT,
            redirects: settings.max_redirects as usize,
            idle_per_host: 1,
        };
        Ok(Self {
            client: Client::new(network, &options)?,
            settings: Arc::new(settings.clone()),
            circuits: Circuits::new(settings.circuit_failures, Duration::from_secs(settings.circuit_open_s)),
            files: files.clone(),
        })
    }

    /// The file, to be sent as this kind. Dropping the call ends a download and removes what came of it.
    ///
    /// # Errors
    /// When it cannot be had, is too large, or is something else; [`FetchError::is_worth_retry`] tells which may pass.
    pub async fn fetch(&self, source: &Source, kind: Kind) -> Result<MediaFile, FetchError> {
        let began = Instant::now();
        let (from, fetched) = match &source.origin {
            Origin::Url(url) => ("url", self.download(url, &source.declared, kind).await),
            Origin::Base64(text) => ("base64", self.decode(text, &source.declared, kind).await),
            Origin::Kept(session, name) => ("kept", self.kept(session, name, &source.declared, kind).await),
        };
        match &fetched {
            Ok(file) => {
                histogram!("drover_media_fetch_seconds", "from" => from).record(began.elapsed().as_secs_f64());
                counter!("drover_media_fetch_bytes_total", "from" => from).increment(file.bytes);
            }
            Err(error) => {
                debug!(%error, code = error.code(), kind = kind.as_str(), "a file was not fetched");
                counter!("drover_media_fetch_failures_total", "from" => from, "cause" => error.code()).increment(1);
            }
        }
        fetched
    }

    async fn download(&self, url: &str, declared: &Declared, kind: Kind) -> Result<MediaFile, FetchError> {
        let url: Url =
            url.trim().parse().map_err(|error| FetchError::InvalidAddress(format!("it is no URL ({error})")))?;
        self.client.check(&url).map_err(|refused| FetchError::of_refusal(&refused))?;
        let host = authority(&url);
        let pass = self
            .circuits
            .enter(&host, Instant::now())
            .map_err(|retry_after| FetchError::CircuitOpen { host: host.clone(), retry_after })?;
        let scratch = self.files.scratch(kind.max_bytes(&self.settings)).await?;
        let download = Download::new(&self.client, &self.settings, url, host, kind, scratch);
        let downloaded = download.run().await;
        match &downloaded {
            Err(error) if error.is_hosts_failure() => pass.failed(Instant::now()),
            Err(FetchError::Storage(_)) => drop(pass),
            _ => pass.succeeded(),
        }
        let (whole, served) = downloaded?;
        made(whole, declared, &served, kind)
    }

    async fn decode(&self, text: &str, declared: &Declared, kind: Kind) -> Result<MediaFile, FetchError> {
        let (text, folder) = (text.to_owned(), self.files.partial_folder());
        let limit_bytes = kind.max_bytes(&self.settings);
        let decoded = blocking(move || {
            let mut file = ScratchFile::create(&folder, limit_bytes)?;
            file.append_base64(text.as_bytes())?;
            Ok(file)
        });
        let file = decoded.await?.map_err(|error| of_decoding(error, kind))?;
        let whole = Scratch::of(file).finish().await.map_err(|error| FetchError::of_write(error, kind))?;
        made(whole, declared, &Served::default(), kind)
    }

    async fn kept(
        &self,
        session: &SessionName,
        name: &FileName,
        declared: &Declared,
        kind: Kind,
    ) -> Result<MediaFile, FetchError> {
        let gone = || FetchError::NotFound(format!("the session '{session}' keeps no file '{name}' (any more)"));
        let file = self.files.find(session, name).await.map_err(|error| FetchError::Storage(error.to_string()))?;
        let file = file.ok_or_else(gone)?;
        let limit_bytes = kind.max_bytes(&self.settings);
        if file.bytes > limit_bytes {
            return Err(FetchError::TooLarge { kind, limit_bytes });
        }
        let path = file.path.clone();
        let head = blocking(move || mime_type::read_head(&path)).await??;
        let shown = declared.file_name.as_deref().and_then(file_names::shown).or(file.file_name);
        let file_name = shown.unwrap_or_else(|| name.to_string());
        let declared = declared.mime.as_deref().unwrap_or(&file.mime);
        let claims = Claims { declared: Some(declared), served: None, file_name: Some(&file_name) };
        let mime = mime_type::decide(kind, claims, &head)?;
        Ok(MediaFile { place: Place::Kept(file.path), mime, file_name, bytes: file.bytes, sha256: file.sha256 })
    }
}

/// The file of what was written, if it is what it should be.
fn made(whole: Whole, declared: &Declared, served: &Served, kind: Kind) -> Result<MediaFile, FetchError> {
    if whole.bytes == 0 {
        return Err(FetchError::Empty);
    }
    let names = [declared.file_name.as_deref(), served.file_name.as_deref()];
    let file_name = names.into_iter().flatten().find_map(file_names::shown);
    let claims =
        Claims { declared: declared.mime.as_deref(), served: served.mime.as_deref(), file_name: file_name.as_deref() };
    let mime = mime_type::decide(kind, claims, &whole.head)?;
    let file_name = file_name.unwrap_or_else(|| format!("{}.{}", kind.as_str(), file_names::extension(&mime)));
    Ok(MediaFile { place: Place::Temporary(whole.path), mime, file_name, bytes: whole.bytes, sha256: whole.sha256 })
}

fn of_decoding(error: WriteError, kind: Kind) -> FetchError {
    match error {
        WriteError::Disk(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            FetchError::InvalidData(error.to_string())
        }
        error => FetchError::of_write(error, kind),
    }
}

/// `host:port`, by which a server is known.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
