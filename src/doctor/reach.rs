//! Whether web.whatsapp.com is reached: its name, then a connection.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::Finding;

const CHECK: &str = "whatsapp";
const HOST: &str = "web.whatsapp.com:443";
const LIMIT: Duration = Duration::from_secs(6);
const PROXY: &str =
    "; where only a proxy leads out, sessions name it (config.proxy), and this does not look through it";

pub(super) async fn examine(simulator: &str) -> Finding {
    if !simulator.is_empty() {
        return match connect(simulator).await {
            Ok(_) => Finding::ok(CHECK, format!("a simulator stands in for it, at {simulator} (DROVER_SIMULATOR)")),
            Err(detail) => Finding::fail(
                CHECK,
                format!("the simulator at {simulator}: {detail}"),
                "start it, or unset DROVER_SIMULATOR to use the real WhatsApp",
            ),
        };
    }
    let addresses: Vec<SocketAddr> = match timeout(LIMIT, lookup_host(HOST)).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return unknown_name(&error.to_string()),
        Err(_) => return unknown_name("the name server does not answer"),
    };
    for address in &addresses {
        if let Ok(Ok(_)) = timeout(LIMIT / 2, TcpStream::connect(address)).await {
            return Finding::ok(CHECK, format!("web.whatsapp.com is reached at {}", address.ip()));
        }
    }
    Finding::fail(
        CHECK,
        format!("web.whatsapp.com has a name ({} addresses), but no connection on port 443", addresses.len()),
        format!("let this machine out to port 443, in its firewall or the container's network{PROXY}"),
    )
}

fn unknown_name(detail: &str) -> Finding {
    Finding::fail(
        CHECK,
        format!("the name web.whatsapp.com is not known here: {detail}"),
        format!("look at /etc/resolv.conf and the network; in a container, at its DNS (--dns){PROXY}"),
    )
}

async fn connect(address: &str) -> Result<TcpStream, String> {
    match timeout(LIMIT, TcpStream::connect(address)).await {
        Ok(connected) => connected.map_err(|error| error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[tokio::test]
    async fn a_simulator_is_reached_or_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        assert_eq!(examine(&address).await.verdict, Verdict::Ok);
        drop(listener);
        assert_eq!(examine(&address).await.verdict, Verdict::Fail);
    }
}
