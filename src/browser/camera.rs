//! Takes the pictures of a page.

use std::{sync::Arc, time::Duration};

use chromiumoxide::{
    Binary,
    cdp::browser_protocol::page::{CaptureScreenshotFormat, CaptureScreenshotParams},
};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::{
    cdp::Cdp,
    view::{self, View},
};
use crate::page::PageError;

/// The camera before one page.
#[derive(Debug, Clone)]
pub(super) struct Camera {
    cdp: Cdp,
    view: View,
    /// How long a call may take.
    limit: Duration,
    /// One picture at a time: each changes how the page is drawn.
    in_use: Arc<Mutex<()>>,
    tasks: TaskTracker,
}

impl Camera {
    pub(super) fn new(cdp: Cdp, view: View, limit: Duration, tasks: TaskTracker) -> Self {
        Self { cdp, view, limit, in_use: Arc::default(), tasks }
    }

    /// Draws the page in its full density, encoded and in base64, and lets it rest again. It does so to the end when nobody waits for the
    /// picture any more, or the page would keep its large frame.
    pub(super) async fn draw(&self, format: CaptureScreenshotFormat) -> Result<Binary, PageError> {
        let drawing = self.clone().draw_to_the_end(format).in_current_span();
        match self.tasks.spawn(drawing).await {
            Ok(drawn) => drawn,
            Err(ended) => Err(PageError::Refused(format!("the picture was not taken: {ended}"))),
        }
    }

    async fn draw_to_the_end(self, format: CaptureScreenshotFormat) -> Result<Binary, PageError> {
        let _one_at_a_time = self.in_use.lock().await;
        self.cdp.execute(self.view.for_a_picture(), self.limit).await?;
        let picture = CaptureScreenshotParams { format: Some(format), ..Default::default() };
        let taken = self.cdp.execute(picture, self.limit).await;
        self.cdp.execute(self.view.at_rest(), self.limit).await?;
        // The large frame is kept until there is a small one.
        self.cdp.execute(view::a_pixel(), self.limit).await?;
        Ok(taken?.data.clone())
    }
}
