//! `GET /metrics`

use axum::{extract::State, http::header::CONTENT_TYPE, response::IntoResponse};
use metrics::{counter, gauge};

use crate::{
    api::{
        auth::{Action, Principal},
        problem::Answer,
    },
    health::Health,
    host::{Disk, Headroom, HeadroomProbe, OwnUsage},
    queue::Queue,
    store::Store,
    telemetry::Metrics,
};

/// Prometheus' text format, version 0.0.4. Needs a key that may read every session, since the numbers speak of all of them.
#[utoipa::path(
    get, path = "/metrics", tag = "server",
    responses((status = 200, description = "Everything that was counted", body = String, content_type = "text/plain")),
)]
pub(super) async fn metrics(
    principal: Principal,
    State(metrics): State<Metrics>,
    State(health): State<Health>,
    State(store): State<Store>,
    State(queue): State<Queue>,
) -> Answer<impl IntoResponse> {
    principal.require_on_all(Action::Read)?;
    let (open, idle) = store.connections();
    set("drover_redis_up", u64::from(queue.is_up()));
    gauge!("drover_database_connections", "state" => "idle").set(as_f64(idle));
    gauge!("drover_database_connections", "state" => "in_use").set(as_f64(open.saturating_sub(idle)));
    // Files of the kernel are read, and a disk may take its time.
    let folder = health.data_dir().to_owned();
    let looked = tokio::task::spawn_blocking(move || {
        show_usage(&OwnUsage::read());
        show_machine(HeadroomProbe::default().read(), Disk::of(&folder).ok());
    });
    // Its figures stay as they were should it take too long: the others are not held up.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), looked).await;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()))
}

fn show_usage(usage: &OwnUsage) {
    set("process_resident_memory_bytes", usage.resident_bytes);
    set("process_virtual_memory_bytes", usage.virtual_bytes);
    set("process_threads", usage.threads);
    set("process_open_fds", usage.open_fds);
    set("process_max_fds", usage.max_fds);
    set("process_start_time_seconds", usage.started_at_s);
    counter!("process_cpu_seconds_total").absolute(usage.cpu_s);
    set("drover_zombie_processes", usage.zombies);
}

fn show_machine(left: Headroom, disk: Option<Disk>) {
    if let Some(bytes) = left.memory_bytes {
        set("drover_memory_available_bytes", bytes);
    }
    if let Some(disk) = disk {
        set("drover_disk_available_bytes", disk.available_bytes);
        set("drover_disk_size_bytes", disk.total_bytes);
    }
}

fn set(name: &'static str, value: u64) {
    gauge!(name).set(as_f64(value));
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; nothing here comes near 2^53")]
fn as_f64(value: u64) -> f64 {
    value as f64
}
