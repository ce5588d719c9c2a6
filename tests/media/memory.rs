//! What a file costs in memory while it is fetched.

use std::fs;

use drover::media::Kind;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::house::{House, settings, source};

const LENGTH: usize = 16 << 20;
const MB: u64 = 1 << 20;

/// The most that was resident since [`forget_peak`], in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// proc_pid_clear_refs(5)
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_megabytes_on_the_disk_are_few_in_memory() {
    let house = House::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a.png", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let part = [crate::server::PNG, &[7; (64 << 10) - 16]].concat();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            for _ in 0..LENGTH / part.len() {
                stream.write_all(&part).await.unwrap();
            }
        }
    });
    let fetcher = house.fetcher(&settings());
    // Once before, so that what is made once is there.
    drop(fetcher.fetch(&source(&url), Kind::Image).await.unwrap());
    forget_peak();
    let before = peak();
    for _ in 0..5 {
        let file = fetcher.fetch(&source(&url), Kind::Image).await.unwrap();
        assert_eq!(file.bytes, LENGTH as u64);
    }
    let added = peak().saturating_sub(before);
    println!("fetching 16 MB added {:.1} MB at its peak", added as f64 / MB as f64);
    assert!(added < 20 * MB, "{added}");
    server.abort();
}
