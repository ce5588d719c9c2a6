//! A server that fails at random, over many runs: where a retry can help, fewer than one in twenty fetches fails; and what is
//! fetched is never anything but the file.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use drover::media::Kind;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    house::{House, settings, source},
    server::{Act, File, Server},
};

const RUNS: u64 = 400;
const LENGTH: usize = 60_000;
/// Of a hundred requests.
const FAILING: u32 = 35;

fn failure(random: &mut StdRng) -> Act {
    match random.random_range(0..100) {
        0..25 => Act::Refuse,
        25..50 => Act::Status([500, 502, 503, 504, 429][random.random_range(0..5)], String::new()),
        50..75 => Act::Cut(random.random_range(0..LENGTH)),
        75..85 => Act::Cut(LENGTH * 99 / 100),
        85..99 => Act::Chunked(Some(random.random_range(0..LENGTH))),
        _ => Act::Stall(random.random_range(0..LENGTH)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fewer_than_one_in_twenty_fails_where_a_retry_can_help() {
    let house = House::new().await;
    let (mut failed, mut rescued) = (Vec::new(), 0);
    for with_ranges in [true, false] {
        let mut file = File::picture(LENGTH, "a");
        if !with_ranges {
            file = File { headers: "Content-Type: image/png\r\n".to_owned(), takes_ranges: false, ..file };
        }
        let expected = file.bytes.clone();
        let seed = Arc::new(AtomicUsize::new(0));
        let (is_hit, of_server, hit) =
            (Arc::new(AtomicBool::new(false)), Arc::clone(&seed), Arc::new(AtomicUsize::new(0)));
        let (noted, count) = (Arc::clone(&is_hit), Arc::clone(&hit));
        let server = Server::start(file, move |_, _| {
            // One stream of chance a run, whatever the runs before did.
            let run = of_server.load(Ordering::SeqCst) as u64;
            let mut random = StdRng::seed_from_u64(run << 8 | count.fetch_add(1, Ordering::SeqCst) as u64);
            if random.random_range(0..100) >= FAILING {
                return Act::Serve;
            }
            noted.store(true, Ordering::SeqCst);
            failure(&mut random)
        })
        .await;
        let fetcher = house.fetcher(&settings());
        for run in 0..RUNS / 2 {
            seed.store(usize::try_from(run).unwrap(), Ordering::SeqCst);
            hit.store(0, Ordering::SeqCst);
            is_hit.store(false, Ordering::SeqCst);
            match fetcher.fetch(&source(&server.url("/a.png")), Kind::Image).await {
                Ok(fetched) => {
                    assert_eq!(std::fs::read(fetched.path()).unwrap(), expected, "run {run}");
                    rescued += usize::from(is_hit.load(Ordering::SeqCst));
                }
                Err(error) => {
                    assert!(error.is_worth_retry(), "run {run}: {error}");
                    failed.push((with_ranges, run, error.code()));
                }
            }
        }
    }
    println!("{RUNS} fetches, of 100 requests {FAILING} fail: {rescued} rescued, {} failed: {failed:?}", failed.len());
    assert!(rescued > 100, "the server did fail: {rescued}");
    assert!(failed.len() as u64 * 20 < RUNS, "{failed:?}");
    assert!(house.partial().is_empty());
}
