//! The parts of a session's `config` that are read elsewhere, for the document: WAHA's, and the browser's.

use utoipa::ToSchema;

/// Where events of the session go.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described here, read by webhook::form")]
pub(super) struct WebhookConfig {
    /// May not lead to a private address, unless `[network]` allows it.
    #[schema(example = "https://shop.example/hooks")]
    url: String,
    /// Which events; `*` for all.
    #[schema(min_items = 1, example = json!(["message", "session.status"]))]
    events: Vec<String>,
    hmac: Option<HmacConfig>,
    retries: Option<RetriesConfig>,
    /// Sent with each delivery; their values are masked in answers.
    #[schema(max_items = 32)]
    custom_headers: Option<Vec<CustomHeader>>,
}

/// What the body is signed with.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by webhook::form")]
pub(super) struct HmacConfig {
    /// Masked in answers; the mask handed back means the stored one.
    key: Option<String>,
}

/// How failures are tried again; what is missing is as in `[webhooks]`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described here, read by webhook::form")]
pub(super) struct RetriesConfig {
    policy: Option<RetryPolicy>,
    #[schema(minimum = 0, maximum = 86_400)]
    delay_seconds: Option<f64>,
    #[schema(minimum = 1, maximum = 1_000)]
    attempts: Option<u32>,
}

/// How the delay grows.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "described here, read by webhook::form")]
pub(super) enum RetryPolicy {
    Linear,
    Exponential,
    Constant,
}

/// A header of a webhook's own.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by webhook::form")]
pub(super) struct CustomHeader {
    #[schema(example = "Authorization")]
    name: String,
    value: String,
}

/// What the session's browser goes through. In force from its next start on.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by page::options")]
pub(super) struct ProxyConfig {
    #[schema(example = "proxy.example:3128")]
    server: String,
    username: Option<String>,
    /// Masked in answers; the mask handed back means the stored one.
    password: Option<String>,
}

/// What the phone lists under Linked devices.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described here, read by page::options")]
pub(super) struct ClientConfig {
    device_name: Option<String>,
    browser_name: Option<String>,
}

/// How the session's browser is started.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described here, read by page::options")]
pub(super) struct BrowserConfig {
    user_agent: Option<String>,
    locale: Option<String>,
    /// For admin keys, from an allow-list.
    args: Option<Vec<String>>,
}
