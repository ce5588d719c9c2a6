//! What a handler left unread of a request's body is read and let go before the answer leaves. Without that the connection
//! is closed with something unread, which resets it: the client may never see the answer, and cannot ask again on the same
//! connection.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::Request,
    middleware::Next,
    response::Response,
};
use futures::{Stream, StreamExt, stream::Fuse};

/// How much is let go; whoever sends more is cut off.
const MOST_BYTES: usize = 32 << 20;
/// How long the rest may take.
const LIMIT: Duration = Duration::from_secs(2);

/// A body that a handler reads, while we keep hold of what it leaves.
#[derive(Clone)]
struct Shared(Arc<Mutex<Fuse<BodyDataStream>>>);

impl Stream for Shared {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context)
    }
}

/// Runs a request, then reads what is left of its body.
pub(super) async fn let_go(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let mut shared = Shared(Arc::new(Mutex::new(body.into_data_stream().fuse())));
    let response = next.run(Request::from_parts(head, Body::from_stream(shared.clone()))).await;
    // What takes too long, or is too much, is cut off when the connection is closed.
    let _ = tokio::time::timeout(LIMIT, drain(&mut shared)).await;
    response
}

async fn drain(rest: &mut Shared) {
    let mut length = 0_usize;
    while let Some(Ok(part)) = poll_fn(|context| rest.poll_next_unpin(context)).await {
        length = length.saturating_add(part.len());
        if length > MOST_BYTES {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, middleware, routing::post};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tower::ServiceExt;

    /// Sends a body in parts to a handler that reads it or not; gives the answer and how many parts were taken.
    async fn send(path: &str, parts: usize) -> (String, usize) {
        let router: Router = Router::new()
            .route("/read", post(async |body: Bytes| body.len().to_string()))
            .route("/ignore", post(async || "ignored"))
            .layer(middleware::from_fn(let_go));
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        let stream = futures::stream::iter(0..parts).map(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1 << 20]))
        });
        let request = Request::builder().method("POST").uri(path).body(Body::from_stream(stream)).expect("a request");
        let response = router.oneshot(request).await.expect("an answer");
        let text = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        (String::from_utf8_lossy(&text).into_owned(), taken.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn what_is_read_is_read_once() {
        assert_eq!(send("/read", 1).await, ("1048576".to_owned(), 1));
    }

    #[tokio::test]
    async fn what_is_not_read_is_taken_all_the_same() {
        assert_eq!(send("/ignore", 5).await, ("ignored".to_owned(), 5));
    }

    #[tokio::test]
    async fn whoever_sends_without_end_is_cut_off() {
        assert_eq!(send("/ignore", 1000).await, ("ignored".to_owned(), 33));
    }

    #[tokio::test]
    async fn whoever_never_sends_the_rest_is_cut_off() {
        let router: Router =
            Router::new().route("/ignore", post(async || "ignored")).layer(middleware::from_fn(let_go));
        let stream = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        let request = Request::builder().method("POST").uri("/ignore").body(Body::from_stream(stream));
        let response = router.oneshot(request.expect("a request")).await.expect("an answer");
        assert_eq!(response.status(), 200);
    }
}
