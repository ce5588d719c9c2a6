//! Webhooks over a house: a dispatcher that runs, and what a test changes of its settings.

use drover::{
    config,
    event::environment,
    model::{EventKind, NewEvent, SessionName},
    webhook::{self, Webhooks},
};
use serde_json::{Value, json};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::house::{House, LONG};

pub(crate) struct Hooks {
    pub(crate) webhooks: Webhooks,
    task: JoinHandle<()>,
    stop: CancellationToken,
    /// Of its own, so that it can be killed with all its tasks.
    runtime: Runtime,
}

/// Settings with which nothing rests long.
pub(crate) fn settings() -> config::Webhooks {
    config::Webhooks {
        url: String::new(),
        events: vec!["*".to_owned()],
        hmac_key: String::new(),
        custom_headers: String::new(),
        retry_policy: "constant".to_owned(),
        retry_delay_s: 0,
        attempts: 3,
        receiver: config::WebhookReceiver {
            timeout_s: 10,
            answer_limit_bytes: 65_536,
            per_host: 16,
            circuit_failures: 1_000,
            circuit_open_s: 60,
        },
    }
}

impl Hooks {
    pub(crate) async fn start(house: &House, settings: &config::Webhooks) -> Self {
        Self::start_allowing(house, settings, &["127.0.0.1"]).await
    }

    pub(crate) async fn start_allowing(house: &House, settings: &config::Webhooks, hosts: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let services = webhook::Services {
            store: house.store.clone(),
            events: house.events.clone(),
            outbox: house.outbox.clone(),
            clock: house.clock.clone(),
            environment: environment("chromium", "node"),
        };
        let allow_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let network = config::Network { allow_private: false, allow_hosts };
        let (webhooks, dispatcher) = webhook::open(services, settings, &network).await.unwrap();
        let stop = CancellationToken::new();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { webhooks, task: runtime.spawn(dispatcher.run(stop.clone())), stop, runtime }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(LONG, self.task).await.expect("it stops when it is told to").unwrap();
        self.runtime.shutdown_background();
    }

    /// As kill -9 would: nothing is finished, nothing is stored.
    pub(crate) async fn kill(self) {
        tokio::task::spawn_blocking(move || self.runtime.shutdown_timeout(LONG)).await.unwrap();
    }

    /// Gives a session these webhooks, as the API does.
    pub(crate) async fn configure(&self, house: &House, session: &SessionName, webhooks: Value) {
        let config = json!({ "webhooks": webhooks });
        self.webhooks.check(&config).unwrap();
        let change = self.webhooks.prepare(session, &config).await.unwrap();
        assert!(house.store.sessions().set_config(session, &config).await.unwrap());
        drop(change);
    }
}

/// Something happens to a session.
pub(crate) async fn happen(house: &House, session: &SessionName, kind: EventKind, payload: Value) -> i64 {
    house.events.publish(NewEvent { kind, session: session.clone(), payload }).await.unwrap().seq
}
