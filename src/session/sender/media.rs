//! The file that goes with a message: fetched before its attempt is committed, uploaded within it, before anything is sent.

use tracing::warn;

use super::{DeliveryError, Next, Sender};
use crate::{
    media::{Declared, FetchError, FileName, MediaFile, Origin, Source},
    model::{
        Content, DeadCode, OutboundMessage, Reason,
        content::{FileSource, Media},
    },
    page::{FileToSend, PageError, SendOutcome},
    queue::{Claim, Verdict},
};

/// A message's file, and what is told to the page of it.
pub(super) struct Fetched {
    /// Removes what was fetched when it is let go.
    _file: MediaFile,
    pub(super) to_send: FileToSend,
}

impl Sender {
    /// The file of a message; none for what has none.
    pub(super) async fn fetch_file(&self, message: &OutboundMessage) -> Result<Option<Fetched>, FetchError> {
        let Content::Media(media) = &message.content else { return Ok(None) };
        let source = Source {
            origin: self.origin(media)?,
            declared: Declared { mime: media.mimetype.clone(), file_name: media.filename.clone() },
        };
        let file = self.services.files.fetcher.fetch(&source, media.media.into()).await?;
        let to_send = FileToSend {
            path: file.path().to_owned(),
            media: media.media,
            mimetype: file.mime.clone(),
            filename: file.file_name.clone(),
        };
        Ok(Some(Fetched { _file: file, to_send }))
    }

    fn origin(&self, media: &Media) -> Result<Origin, FetchError> {
        match &media.file {
            FileSource::Url(url) => Ok(Origin::Url(url.clone())),
            FileSource::Kept(name) => match name.parse::<FileName>() {
                Ok(name) => Ok(Origin::Kept(self.session.clone(), name)),
                Err(error) => Err(FetchError::InvalidAddress(error.to_string())),
            },
        }
    }

    /// Without its file a message is not tried: it waits where that may help, and is given up where it does not.
    pub(super) async fn without_file(
        &self,
        claim: Claim,
        message: &OutboundMessage,
        error: &FetchError,
    ) -> Result<Next, DeliveryError> {
        self.sends.over(&message.id).await;
        let detail = error.to_string();
        if matches!(error, FetchError::CircuitOpen { .. } | FetchError::Storage(_)) {
            warn!(id = %message.id, code = error.code(), "the file of a message cannot be had now; the message waits");
            self.tell_trouble(message, error.code(), &detail).await?;
            let after = error.retry_after().unwrap_or_else(|| self.backoff(1));
            return self.settle(claim, Verdict::Retry { after }).await;
        }
        let code = match error {
            FetchError::InvalidData(_)
            | FetchError::Empty
            | FetchError::TooLarge { .. }
            | FetchError::TypeMismatch { .. } => DeadCode::InvalidMedia,
            _ => DeadCode::MediaUnreachable,
        };
        self.bury(message, code, &detail).await?;
        self.settle(claim, Verdict::Bury).await
    }
}

/// An upload that failed sent nothing.
pub(super) fn not_uploaded(error: &PageError) -> SendOutcome {
    match error {
        PageError::InvalidMedia(why) => SendOutcome::Rejected(Reason::new("invalid_media", why.as_str())),
        error => SendOutcome::Failed(Reason::new("upload_failed", format!("the file was not uploaded: {error}"))),
    }
}

/// As the page is told: what the file is called is known now.
pub(super) fn content_with(file: &Fetched, content: &Content) -> Content {
    let mut content = content.clone();
    if let Content::Media(media) = &mut content {
        media.filename = Some(file.to_send.filename.clone());
    }
    content
}
