//! `drover serve`: the daemon. Prints where it answers, where the key is and what to do next, never the key.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{error::CliError, output::say};
use crate::{
    config::{Loaded, Sources},
    daemon::{self, Start, Started},
    telemetry::{self, Traces},
};

/// Runs the daemon until it is told to end. The sources are those of the settings, for changes while it runs.
pub(super) async fn serve(loaded: Loaded, sources: Sources) -> Result<(), CliError> {
    let config = &loaded.config;
    let traces = Traces::start(&config.telemetry)?;
    let logs = telemetry::init(&config.log, traces.as_ref())?;
    let simulator = config.browser.simulator.clone();
    let usual_place = std::env::current_dir().is_ok_and(|folder| folder.join("sessions") == config.data.dir);
    let told = |started: &Started| {
        // Another terminal has to be told where the key is, unless it looks there anyway.
        let variable =
            if usual_place { String::new() } else { format!("DROVER_DATA_DIR={} ", started.data_dir.display()) };
        // A closed stdout keeps nobody from using the daemon.
        let _ = announcement(started, &simulator, &variable).iter().try_for_each(|line| say(line));
    };
    let result = daemon::run(Start { loaded, sources, logs }, told).await;
    if let Some(traces) = traces {
        traces.finish().await;
    }
    result.map_err(CliError::Daemon)
}

fn announcement(started: &Started, simulator: &str, variable: &str) -> Vec<String> {
    let Started { address, data_dir, key_file } = started;
    let url = format!("http://{}", reachable(*address));
    let (place, key) = match key_file {
        Some(path) => (path.display().to_string(), format!("$(cat {})", path.display())),
        None => ("the one that DROVER_API_KEY (http.api_key) gives".to_owned(), "$DROVER_API_KEY".to_owned()),
    };
    let mut lines = vec![
        format!("drover listens on {url} (version {})", env!("CARGO_PKG_VERSION")),
        format!("  admin key  {place}"),
        format!("  data       {}", data_dir.display()),
    ];
    if !simulator.is_empty() {
        lines.push(format!("  simulator  {simulator} stands in for web.whatsapp.com"));
    }
    lines.extend([
        "Next, in another terminal: link a phone".to_owned(),
        format!("  {variable}{} link main --url {url}", program()),
        "or over the API".to_owned(),
        format!("  curl -X POST {url}/api/sessions -H \"X-Api-Key: {key}\" -d '{{\"name\":\"main\"}}'"),
        format!("  curl {url}/api/main/auth/qr -H \"X-Api-Key: {key}\" -o qr.png"),
    ]);
    lines
}

/// An address that listens everywhere is reached on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(_) => SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), address.port()),
    }
}

/// The program as it was called.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "drover".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announcement_tells_where_and_what_next() {
        let started = Started {
            address: "0.0.0.0:3000".parse().expect("an address"),
            data_dir: "/srv/drover".into(),
            key_file: Some("/srv/drover/admin.key".into()),
        };
        let text = announcement(&started, "", "DROVER_DATA_DIR=/srv/drover ").join("\n");
        for expected in
            ["http://127.0.0.1:3000", "/srv/drover/admin.key", "DROVER_DATA_DIR=/srv/drover ", "link main", "curl "]
        {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
        assert!(!text.contains("simulator"));
        assert!(announcement(&started, "127.0.0.1:8443", "").join("\n").contains("stands in for"));
    }

    #[test]
    fn a_given_key_is_not_repeated() {
        let address = "127.0.0.1:3000".parse().expect("an address");
        let started = Started { address, data_dir: "/srv".into(), key_file: None };
        assert!(announcement(&started, "", "").join("\n").contains("$DROVER_API_KEY"));
    }
}
