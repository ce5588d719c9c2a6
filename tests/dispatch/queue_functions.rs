//! The queue's functions in Redis: loaded where they are missing, kept apart by version, and done without where there are none.

use std::sync::Arc;

use drover::{
    clock::SystemClock,
    config,
    model::{OutboundMessage, SessionName},
    queue::{Claim, ClaimAnswer, Queue, Settled, Verdict},
    redis::Connections,
};
use futures::future::join_all;
use tempfile::TempDir;

use crate::backends::{redis::TestRedis, rows, settings};

const CHAT: &str = "15550000001@c.us";

struct Node {
    connections: Connections,
    queue: Queue,
    session: SessionName,
    _folder: TempDir,
}

impl Node {
    async fn at(redis: &config::Redis) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connections = Connections::open(redis, folder.path()).await.unwrap();
        let queue = Queue::new(&connections, settings::queue(), settings::no_limits(), Arc::new(SystemClock));
        Self { connections, queue, session: "main".parse().unwrap(), _folder: folder }
    }

    async fn load(&self) {
        assert!(self.queue.load(&self.session).await.unwrap().finish().await.unwrap());
    }

    /// Messages to one chat, in their order.
    async fn put(&self, count: i64) -> Vec<OutboundMessage> {
        let messages: Vec<_> = (1..=count).map(|at_ms| rows::message(&self.session, CHAT, "hello", at_ms)).collect();
        self.queue.enqueue_all(&self.session, &messages).await.unwrap();
        messages
    }

    async fn claim(&self) -> Claim {
        claimed(self.queue.claim(&self.session).await.unwrap())
    }
}

fn claimed(answer: ClaimAnswer) -> Claim {
    match answer {
        ClaimAnswer::Claimed(claim) => claim,
        other => panic!("{other:?}"),
    }
}

/// What the server has been called, by its own count.
async fn calls(redis: &TestRedis, command: &str) -> u64 {
    let stats: String = redis.command(&["INFO", "commandstats"]).await;
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn they_are_loaded_once_however_many_miss_them_and_again_when_they_are_gone() {
    let redis = TestRedis::start().await;
    let node = Node::at(&redis.settings()).await;
    let sessions: Vec<SessionName> = (0..20).map(|number| format!("s{number}").parse().unwrap()).collect();
    join_all(sessions.iter().map(|session| async { node.queue.depth(session).await.unwrap() })).await;
    assert_eq!(calls(&redis, "function|load").await, 1);
    let libraries: redis::Value = redis.command(&["FUNCTION", "LIST", "LIBRARYNAME", "drover_*"]).await;
    assert!(matches!(&libraries, redis::Value::Array(each) if each.len() == 1), "{libraries:?}");

    node.load().await;
    let messages = node.put(3).await;
    let claim = node.claim().await;
    let _: String = redis.command(&["FUNCTION", "FLUSH"]).await;
    let (settlement, next) = claim.settle_and_claim(Verdict::Ack).await.unwrap();
    assert_eq!((settlement.settled, calls(&redis, "function|load").await), (Settled::Done, 2));
    let next = claimed(next);
    assert_eq!(next.id, messages[1].id);

    // Another process, or the same after its link broke, finds them there.
    let another = Node::at(&redis.settings()).await;
    assert_eq!(another.queue.depth(&another.session).await.unwrap(), Some(2));
    assert_eq!(calls(&redis, "function|load").await, 2);
    assert_eq!(calls(&redis, "evalsha").await, 0);
    assert_eq!(next.ack().await.unwrap(), Settled::Done);
    another.connections.close().await;
    node.connections.close().await;
}

#[tokio::test]
async fn where_there_are_none_scripts_do_the_same_beside_those_who_have_them() {
    let redis = TestRedis::start().await;
    let plain = Node::at(&redis.without_functions().await).await;
    let node = Node::at(&redis.settings()).await;
    plain.load().await;
    let messages = plain.put(4).await;
    assert_eq!(calls(&redis, "function|load").await, 0);

    // Each settles its own and finds what the other left; a claim's token is worth as much by either way.
    let first = plain.claim().await;
    let (settlement, second) = first.settle_and_claim(Verdict::Ack).await.unwrap();
    assert_eq!(settlement.settled, Settled::Done);
    assert_eq!(claimed(second).release().await.unwrap(), Settled::Done);
    for (turn, (message, by)) in messages[1..].iter().zip([&node, &plain, &node]).enumerate() {
        let claim = by.claim().await;
        assert_eq!((&claim.id, claim.redelivered), (&message.id, false), "turn {turn}");
        let other = if turn == 1 { &node } else { &plain };
        assert!(matches!(other.queue.claim(&other.session).await.unwrap(), ClaimAnswer::AskAgain { .. }), "{turn}");
        assert_eq!(claim.ack().await.unwrap(), Settled::Done, "turn {turn}");
    }
    assert_eq!(plain.queue.depth(&plain.session).await.unwrap(), Some(0));
    assert!(calls(&redis, "evalsha").await > 0 && calls(&redis, "fcall").await > 0);
    plain.connections.close().await;
    node.connections.close().await;
}

#[tokio::test]
async fn a_redis_without_memory_changes_nothing_half_and_still_says_how_the_queue_stands() {
    let redis = TestRedis::start().await;
    let node = Node::at(&redis.settings()).await;
    node.load().await;
    let messages = node.put(2).await;
    let claim = node.claim().await;
    let _: String = redis.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(claim.settle(Verdict::Ack).await.unwrap_err().to_string().contains("maxmemory"));
    assert_eq!(node.queue.depth(&node.session).await.unwrap(), Some(2));
    assert_eq!(node.queue.stats(&node.session).await.unwrap().waiting, 1);

    let _: String = redis.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    let another = Node::at(&redis.settings()).await;
    assert_eq!(another.queue.take_over(&another.session).await.unwrap(), 1);
    for (message, redelivered) in messages.iter().zip([true, false]) {
        let claim = another.claim().await;
        assert_eq!((&claim.id, claim.redelivered), (&message.id, redelivered));
        assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    }
    another.connections.close().await;
    node.connections.close().await;
}
