//! Redis as operators have it: with a password, over TLS, behind an address that moves to a replica.

use std::{path::Path, process::Command, sync::Arc, time::Duration};

use drover::redis::{Connections, RedisError};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::backends::{
    house::LONG,
    redis::at,
    servers::{PortRedis, free_port},
};

async fn set_and_get(connections: &Connections) {
    let link = connections.link().unwrap();
    let _: String = link.command(redis::cmd("SET").arg("a").arg("b")).await.unwrap();
    assert_eq!(link.command::<String>(redis::cmd("GET").arg("a")).await.unwrap(), "b");
    let mut own = connections.dedicated().await.unwrap();
    assert_eq!(own.command::<String>(redis::cmd("GET").arg("a")).await.unwrap(), "b");
}

#[tokio::test]
async fn a_password_or_a_user_is_given_and_never_shown() {
    let folder = TempDir::new().unwrap();
    let server = PortRedis::start(&["--requirepass", "secret-1"]);
    let url = |login: &str| at(&format!("redis://{login}127.0.0.1:{}", server.port));
    let is_up = async {
        while TcpStream::connect(("127.0.0.1", server.port)).await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, is_up).await.unwrap();
    let connections = Connections::open(&url(":secret-1@"), folder.path()).await.unwrap();
    set_and_get(&connections).await;
    let mut acl = redis::cmd("ACL");
    acl.arg("SETUSER").arg("drover").arg("on").arg(">secret-2").arg("~*").arg("&*").arg("+@all");
    let _: String = connections.link().unwrap().command(&acl).await.unwrap();
    connections.close().await;
    let connections = Connections::open(&url("drover:secret-2@"), folder.path()).await.unwrap();
    set_and_get(&connections).await;
    connections.close().await;
    for login in ["", ":secret-wrong@", "drover:secret-wrong@"] {
        let error = Connections::open(&url(login), folder.path()).await.unwrap_err().to_string();
        assert!(error.contains("REDIS_URL") && !error.contains("secret"), "{error}");
    }
}

/// A certificate authority, and a certificate of it for 127.0.0.1.
fn certify(folder: &Path) {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        let done = command.args(arguments.split(' ')).current_dir(folder).output().expect("openssl is installed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.crt -subj /CN=Test-CA");
    openssl("req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost");
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    openssl("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt");
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = TempDir::new().unwrap();
    certify(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = free_port();
    let _server = PortRedis::start(&[
        "--port",
        "0",
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &file("server.crt"),
        "--tls-key-file",
        &file("server.key"),
        "--tls-ca-cert-file",
        &file("ca.crt"),
        "--tls-auth-clients",
        "no",
    ]);
    let is_up = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, is_up).await.unwrap();
    let mut settings = at(&format!("rediss://127.0.0.1:{port}"));
    settings.ca_file = file("ca.crt");
    let connections = Connections::open(&settings, folder.path()).await.unwrap();
    set_and_get(&connections).await;
    connections.close().await;

    settings.ca_file = String::new();
    let error = Connections::open(&settings, folder.path()).await.unwrap_err();
    assert!(matches!(error, RedisError::Unreachable { .. }), "an unknown authority is not trusted: {error:?}");
    settings.ca_file = file("none.crt");
    let error = Connections::open(&settings, folder.path()).await.unwrap_err().to_string();
    assert!(error.contains("ca_file") && error.contains("none.crt"), "{error}");
}

/// An address whose server changes, as a name or a balancer does at a failover.
struct MovingAddress {
    port: u16,
    target: watch::Sender<u16>,
    _serving: JoinSet<()>,
}

impl MovingAddress {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (target, current) = watch::channel(port);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let target = *current.borrow();
                open.spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await {
                        let _ended = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { port: own, target, _serving: serving }
    }
}

#[tokio::test]
async fn a_promoted_replica_is_followed_and_told_apart() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (PortRedis::start(&[]), PortRedis::start(&[]));
    first.wait_until_up().await;
    second.wait_until_up().await;
    let _: String = second.command(&["REPLICAOF", "127.0.0.1", &first.port.to_string()]).await;
    second.wait_for("the replica follows", &["INFO", "replication"], "master_link_status:up").await;
    let address = MovingAddress::to(first.port).await;
    let connections =
        Arc::new(Connections::open(&at(&format!("redis://127.0.0.1:{}", address.port)), folder.path()).await.unwrap());
    let mut links = connections.link_changes();
    let before = connections.link().unwrap();
    set_and_get(&connections).await;
    second.wait_for("the write is replicated", &["GET", "a"], "b").await;

    // The primary steps down while its connections live on: writes are answered READONLY.
    let _: String = second.command(&["REPLICAOF", "NO", "ONE"]).await;
    let _: String = first.command(&["REPLICAOF", "127.0.0.1", &second.port.to_string()]).await;
    links.mark_unchanged();
    let refused = before.command::<String>(redis::cmd("SET").arg("a").arg("c")).await.unwrap_err();
    assert!(refused.is_gone() && refused.to_string().contains("read only replica"), "{refused}");
    timeout(LONG, links.wait_for(Option::is_none)).await.unwrap().unwrap();
    // What is a replica is not used, however often it is asked.
    sleep(Duration::from_millis(500)).await;
    assert!(matches!(connections.link(), Err(RedisError::Down)));

    address.target.send_replace(second.port);
    timeout(LONG, links.wait_for(Option::is_some)).await.unwrap().unwrap();
    let after = connections.link().unwrap();
    assert_ne!(before.server(), after.server(), "queues are loaded anew");
    assert_eq!(after.command::<String>(redis::cmd("GET").arg("a")).await.unwrap(), "b");
    set_and_get(&connections).await;
    connections.close().await;
}
