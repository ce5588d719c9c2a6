//! Traces over OTLP (HTTP with protobuf), where a collector is named: what a request and a send are made of, and how long each took.
//!
//! Invariants: without a collector nothing is gathered; one that does not answer holds nobody up, and its spans are dropped; only
//! what is about one request or one attempt is a span, never a task that lives as long as its session; no attribute holds a number,
//! a text or a key.

use std::time::Duration;

use opentelemetry::{
    KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::{Status, TracerProvider},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    runtime::Tokio,
    trace::{SdkTracerProvider, span_processor_with_async_runtime::BatchSpanProcessor},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, Registry, filter::filter_fn};

use super::TelemetryError;
use crate::config;

/// The spans that are sent, by name.
const TRACED: [&str; 2] = ["request", "send"];
/// How long the last spans may take when drover ends.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);
/// How long a collector may take.
const EXPORT_LIMIT: Duration = Duration::from_secs(5);

/// The spans that are being gathered and sent.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

/// What W3C's Trace Context says of the trace that a caller began: its headers of the same names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller<'h> {
    /// Which span of which trace.
    pub traceparent: Option<&'h str>,
    /// What the caller's own tools add.
    pub tracestate: Option<&'h str>,
}

impl Extractor for Caller<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => self.traceparent,
            "tracestate" => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

/// Makes a request's span, which must not have been entered yet, part of its caller's trace. Nothing happens where there is none, or
/// where nothing is traced.
pub fn follow(span: &Span, caller: Caller<'_>) {
    if caller.traceparent.is_some() {
        // An error means that nothing is traced.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&caller));
    }
}

/// Notes how a request was answered.
pub fn note_answer(span: &Span, status: u16) {
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}

fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    Resource::builder().with_service_name("drover").with_attribute(version).build()
}

impl Traces {
    /// Sends spans from now on, if the settings name a collector. Call it within a runtime.
    ///
    /// # Errors
    /// When the address is none.
    pub fn start(settings: &config::Telemetry) -> Result<Option<Self>, TelemetryError> {
        if settings.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let failed = |detail: String| TelemetryError::Collector { url: settings.otlp_endpoint.clone(), detail };
        // An error means that a provider is installed already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(EXPORT_LIMIT);
        // Without certificates, as on a minimal system, a client for https cannot even be built.
        let is_plain = settings.otlp_endpoint.starts_with("http:");
        let client = if is_plain { client.tls_certs_only([]).no_proxy() } else { client };
        let client = client.build().map_err(|error| failed(error.to_string()))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", settings.otlp_endpoint.trim_end_matches('/')))
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter, Tokio).build())
            .with_resource(resource())
            .build();
        Ok(Some(Self(provider)))
    }

    /// What gathers them, for the subscriber that log lines go through as well.
    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let tracer = self.0.tracer("drover");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
        layer.with_filter(filter_fn(|meta| meta.is_span() && TRACED.contains(&meta.name()))).boxed()
    }

    /// Sends what was gathered, for as long as drover may take for it when it ends.
    pub async fn finish(self) {
        let shut_down = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(FLUSH_LIMIT));
        // A collector that does not answer loses the last spans, and nobody waits for it.
        let _ = tokio::time::timeout(FLUSH_LIMIT, shut_down).await;
    }
}
