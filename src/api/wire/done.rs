//! What WAHA answers when there is nothing else to say.

use serde::Serialize;
use utoipa::ToSchema;

/// It was done.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Done {
    #[schema(example = true)]
    result: bool,
}

impl Done {
    pub(in crate::api) fn new() -> Self {
        Self { result: true }
    }
}
