//! Load: 200 sockets and 500 messages a second in under 150 MB.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Linked, Simulator};

const SOCKETS: u64 = 200;
const MESSAGES_A_SECOND: u64 = 500;
const SECONDS: u64 = 10;
const LIMIT_KB: u64 = 150 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_sockets_and_five_hundred_messages_a_second() {
    let simulator = Simulator::start(&[]);
    let mut pages = Vec::new();
    for place in 0..SOCKETS {
        pages.push(Linked::new(&simulator, &(15_551_000_000 + place).to_string()).await);
    }
    assert_eq!(simulator.stat("sockets").await, SOCKETS);
    let each = MESSAGES_A_SECOND * SECONDS / SOCKETS;
    let start = Instant::now();
    let senders: Vec<_> =
        pages.into_iter().enumerate().map(|(place, linked)| tokio::spawn(send(linked, place, each, start))).collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let took = start.elapsed();
    let memory_kb = simulator.resident_kb();
    println!("{} messages in {took:?}, {memory_kb} kB resident", SOCKETS * each);
    assert_eq!(simulator.stat("received").await, SOCKETS * each);
    assert_eq!(simulator.stat("duplicates").await, 0);
    assert!(took < Duration::from_secs(SECONDS + 5), "{took:?} for {} messages", SOCKETS * each);
    assert!(memory_kb < LIMIT_KB, "{memory_kb} kB");
}

/// Sends at an even pace and waits for the last ack of each message.
async fn send(mut linked: Linked, place: usize, messages: u64, start: Instant) {
    let gap = Duration::from_secs(SECONDS) / u32::try_from(messages).unwrap();
    let peer =
        linked.page.ask(json!({"what": "lid", "user": (15_559_000_000 + place).to_string()})).await["value"]["lid"]
            .clone();
    for message in 0..messages {
        tokio::time::sleep_until((start + gap * u32::try_from(message).unwrap()).into()).await;
        let id = format!("3EB0{place:06}{message:06}");
        linked.text_keyed(peer.as_str().unwrap(), &id, "a message of a usual length, more or less").await;
        assert_eq!(linked.page.acks(&id, 3).await, [1, 2, 3]);
    }
}
