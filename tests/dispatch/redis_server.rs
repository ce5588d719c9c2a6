//! The private redis-server: started, watched, ended, and what a killed drover left of it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use drover::{
    config,
    host::{ProcessIdentity, ProcessRecord},
    redis::{Connections, RedisError},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(20);

fn private() -> config::Redis {
    config::Redis { url: String::new(), server: "redis-server".to_owned(), ca_file: String::new() }
}

fn record_of(folder: &Path) -> ProcessRecord {
    ProcessRecord::read(&folder.join("redis/server.process")).unwrap().expect("it is recorded")
}

fn server_of(folder: &Path) -> ProcessIdentity {
    record_of(folder).leader.expect("it runs")
}

/// What the server was told to listen on.
fn socket_of(server: ProcessIdentity) -> PathBuf {
    let told = fs::read(format!("/proc/{}/cmdline", server.pid)).unwrap();
    // redis-server shows its socket in its title: `redis-server unixsocket:<path>`.
    let told = String::from_utf8_lossy(&told).replace('\0', " ");
    let start = told.find("unixsocket:").unwrap_or_else(|| panic!("{told}")) + "unixsocket:".len();
    PathBuf::from(told[start..].trim())
}

async fn set(connections: &Connections, key: &str, value: &str) {
    let _: String = connections.link().unwrap().command(redis::cmd("SET").arg(key).arg(value)).await.unwrap();
}

async fn get(connections: &Connections, key: &str) -> Option<String> {
    connections.link().unwrap().command(redis::cmd("GET").arg(key)).await.unwrap()
}

fn kill_hard(server: ProcessIdentity) {
    kill(Pid::from_raw(i32::try_from(server.pid).unwrap()), Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn it_keeps_its_data_and_leaves_no_process_no_socket_and_no_record() {
    let folder = TempDir::new().unwrap();
    let connections = Connections::open(&private(), folder.path()).await.unwrap();
    let server = server_of(folder.path());
    let socket = socket_of(server);
    assert!(socket.exists() && socket.as_os_str().len() <= 107);
    set(&connections, "kept", "yes").await;
    connections.close().await;
    assert!(!server.is_alive());
    assert!(!socket.exists() && !socket.parent().unwrap().exists());
    let left: Vec<String> = fs::read_dir(folder.path().join("redis"))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, ["appendonlydir"]);

    let again = Connections::open(&private(), folder.path()).await.unwrap();
    assert_eq!(get(&again, "kept").await.as_deref(), Some("yes"));
    again.close().await;
}

#[tokio::test]
async fn one_that_dies_is_started_again_and_the_link_follows() {
    let folder = TempDir::new().unwrap();
    let connections = Connections::open(&private(), folder.path()).await.unwrap();
    let mut links = connections.link_changes();
    let first = connections.link().unwrap();
    kill_hard(server_of(folder.path()));
    timeout(LONG, links.wait_for(Option::is_none)).await.unwrap().unwrap();
    timeout(LONG, links.wait_for(Option::is_some)).await.unwrap().unwrap();
    let second = connections.link().unwrap();
    assert_ne!(first.server(), second.server(), "a restart is told apart");
    set(&connections, "a", "b").await;
    let server = server_of(folder.path());
    connections.close().await;
    assert!(!server.is_alive());
}

#[tokio::test]
async fn a_truncated_and_an_unreadable_append_only_file_do_not_keep_it_from_starting() {
    let folder = TempDir::new().unwrap();
    let files = folder.path().join("redis/appendonlydir");
    let connections = Connections::open(&private(), folder.path()).await.unwrap();
    for number in 0..100 {
        set(&connections, &format!("key{number}"), "value").await;
    }
    connections.close().await;
    let file = fs::read_dir(&files).unwrap().flatten().map(|entry| entry.path());
    let file = file.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 7]).unwrap();
    let connections = Connections::open(&private(), folder.path()).await.unwrap();
    assert_eq!(get(&connections, "key98").await.as_deref(), Some("value"));
    assert_eq!(get(&connections, "key99").await, None, "only the last, torn one is lost");
    connections.close().await;

    let mut torn = whole.clone();
    let middle = torn.len() / 2;
    torn[middle..middle + 40].fill(b'x');
    fs::write(&file, &torn).unwrap();
    let connections = Connections::open(&private(), folder.path()).await.unwrap();
    assert_eq!(get(&connections, "key1").await, None, "it starts empty");
    assert!(folder.path().join("redis/appendonlydir.unreadable").exists(), "what was there is kept for a look");
    connections.close().await;
}

const FOLDER: &str = "TEST_DATA_FOLDER";

/// What the next test runs in a process of its own, to kill it.
#[tokio::test]
#[ignore = "started by another test"]
async fn a_drover_to_be_killed() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("it was started by the other test"));
    let connections = Connections::open(&private(), &folder).await.unwrap();
    set(&connections, "kept", "yes").await;
    fs::write(folder.join("up"), "").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn what_a_killed_drover_left_is_ended_by_the_next_start_with_or_without_its_record() {
    for is_recorded in [true, false] {
        let folder = TempDir::new().unwrap();
        let mut drover = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "redis_server::a_drover_to_be_killed"])
            .env(FOLDER, folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let is_up = async {
            while !folder.path().join("up").exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LONG, is_up).await.expect("it comes up");
        drover.kill().unwrap();
        drover.wait().unwrap();
        let left = server_of(folder.path());
        assert!(left.is_alive());
        if !is_recorded {
            fs::remove_file(folder.path().join("redis/server.process")).unwrap();
        }
        let connections = Connections::open(&private(), folder.path()).await.unwrap();
        assert!(!left.is_alive());
        assert_eq!(get(&connections, "kept").await.as_deref(), Some("yes"));
        connections.close().await;
    }
}

#[test]
fn what_nobody_closes_ends_with_the_runtime() {
    let folder = TempDir::new().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let connections = runtime.block_on(Connections::open(&private(), folder.path())).unwrap();
    let server = server_of(folder.path());
    let socket = socket_of(server);
    drop(runtime);
    assert!(!server.is_alive());
    assert!(!socket.parent().unwrap().exists());
    drop(connections);
}

#[tokio::test]
async fn another_drovers_server_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let owner = Connections::open(&private(), folder.path()).await.unwrap();
    let error = Connections::open(&private(), folder.path()).await.unwrap_err();
    assert!(matches!(error, RedisError::InUse { owner, .. } if owner == std::process::id()), "{error:?}");
    owner.ping().await.unwrap();
    owner.close().await;
}

#[tokio::test]
async fn every_failed_start_says_what_to_do_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let missing =
        config::Redis { url: String::new(), server: "/nowhere/redis-server".to_owned(), ca_file: String::new() };
    let text = Connections::open(&missing, folder.path()).await.unwrap_err().to_string();
    assert!(text.contains("apt-get install redis-server") && text.contains("REDIS_URL"), "{text}");

    let broken = config::Redis { url: String::new(), server: "false".to_owned(), ca_file: String::new() };
    let text = Connections::open(&broken, folder.path()).await.unwrap_err().to_string();
    assert!(text.contains("did not start") && text.contains("exit code 1"), "{text}");
    assert!(!folder.path().join("redis/server.process").exists());

    for (url, expected) in [
        ("redis://:secret@127.0.0.1:1", "check that it runs and that REDIS_URL is right"),
        ("http://:secret@127.0.0.1", "REDIS_URL is no Redis address"),
        ("unix:///nowhere/redis.sock", "cannot be used"),
    ] {
        let settings = config::Redis { url: url.to_owned(), server: String::new(), ca_file: String::new() };
        let text = Connections::open(&settings, folder.path()).await.unwrap_err().to_string();
        assert!(text.contains(expected) && !text.contains("secret"), "{text}");
    }

    fs::write(folder.path().join("file"), "").unwrap();
    let text = Connections::open(&private(), &folder.path().join("file")).await.unwrap_err().to_string();
    assert!(text.contains("cannot be used by the private redis-server"), "{text}");
}
