//! The queue on a real Redis Cluster of three nodes: claims, wake-ups, pauses, the inlet, and a node that is lost.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use drover::{
    clock::{Clock, SystemClock},
    event::EventLog,
    model::{Content, MessageId, OutboundMessage, PauseCause, SessionName, message::Schedule},
    outbox::{AcceptOptions, AcceptRequest, Inlet, Outbox, Reconciler},
    queue::{ClaimAnswer, LinkChanges, Queue, QueueError, keys},
    redis::Connections,
    store::{Store, sqlite_url},
};
use futures::future::join_all;
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::backends::{house::LONG, redis::at, rows, servers::TestCluster, settings};

const SESSIONS: usize = 12;

struct Node {
    cluster: TestCluster,
    connections: Connections,
    store: Store,
    queue: Queue,
    outbox: Outbox,
    sessions: Vec<SessionName>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    _folder: TempDir,
}

impl Node {
    async fn start() -> Self {
        let cluster = TestCluster::start().await;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&sqlite_url(&folder.path().join("drover.db"))).await.unwrap();
        let mut sessions = Vec::new();
        for number in 0..SESSIONS {
            let record = rows::session(&format!("s{number}"));
            store.sessions().insert(&record).await.unwrap();
            sessions.push(record.name);
        }
        let connections = Connections::open(&at(&cluster.url()), folder.path()).await.unwrap();
        let clock = Arc::new(SystemClock);
        let queue = Queue::new(&connections, settings::queue(), settings::no_limits(), clock.clone());
        let outbox = Outbox::new(store.clone(), queue.clone(), settings::no_limits(), clock.clone());
        let events = EventLog::new(store.clone(), clock.clone());
        let reconciler = Reconciler::new(store.clone(), queue.clone(), events, clock, Duration::from_millis(300));
        let stop = CancellationToken::new();
        let inlet = Inlet::new(outbox.clone(), "node".to_owned());
        let tasks = vec![tokio::spawn(reconciler.run(stop.clone())), tokio::spawn(inlet.run(stop.clone()))];
        Self { cluster, connections, store, queue, outbox, sessions, stop, tasks, _folder: folder }
    }

    async fn accept(&self, session: &SessionName, body: &str) -> OutboundMessage {
        let request = AcceptRequest {
            session: session.clone(),
            chat: "15550000001".to_owned(),
            content: Content::text(body),
            schedule: Schedule::default(),
            options: AcceptOptions::default(),
        };
        self.outbox.accept(request, "key").await.unwrap().message
    }

    /// Accepts five texts a session, all side by side; their ids by session, in order.
    async fn accept_some(&self, mark: &str) -> HashMap<SessionName, Vec<MessageId>> {
        let each = self.sessions.iter().map(|session| async move {
            let mut ids = Vec::new();
            for number in 0..5 {
                ids.push(self.accept(session, &format!("{mark} {number}")).await.id);
            }
            (session.clone(), ids)
        });
        join_all(each).await.into_iter().collect()
    }

    /// Claims, marks as sent and acknowledges until so many came, sleeping until it is woken; in order. As a sender it looks at the row first:
    /// the reconciler may put back what was read as waiting and settled in the same moment.
    async fn send(&self, session: &SessionName, count: usize) -> Vec<MessageId> {
        let waker = self.queue.waker(session);
        let mut sent = Vec::new();
        while sent.len() < count {
            let woken = waker.notified();
            match self.queue.claim(session).await {
                Ok(ClaimAnswer::Claimed(claim)) => {
                    if self.is_settled(&claim.id).await {
                        let _ = claim.void().await;
                        continue;
                    }
                    self.store.messages().record_ack(&claim.id, drover::model::Ack(1)).await.unwrap();
                    sent.push(claim.id.clone());
                    // A node that is lost with the claim has nothing to settle: the row is the truth.
                    let _ = claim.ack().await;
                }
                Ok(ClaimAnswer::AskAgain { .. }) => woken.await,
                Err(QueueError::Redis(_)) => sleep(Duration::from_millis(50)).await,
                Err(error) => panic!("{error}"),
            }
        }
        sent
    }

    async fn is_settled(&self, id: &MessageId) -> bool {
        let row = self.store.messages().get(id).await.unwrap();
        row.expect("what is claimed has a row").progress.state.is_settled()
    }

    async fn send_all(&self, expected: &HashMap<SessionName, Vec<MessageId>>) {
        let each = expected.iter().map(|(session, ids)| async move {
            assert_eq!(&self.send(session, ids.len()).await, ids, "{session}: each once, in order");
        });
        timeout(LONG, join_all(each)).await.expect("all of them are handed out");
    }

    async fn end(self) {
        self.stop.cancel();
        for task in self.tasks {
            timeout(LONG, task).await.expect("it stops when it is told to").unwrap();
        }
        self.connections.close().await;
        self.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_on_all_nodes_are_served_woken_and_paused() {
    let node = Node::start().await;
    let expected = node.accept_some("first").await;
    node.send_all(&expected).await;

    let mut holding = 0;
    for server in &node.cluster.nodes {
        let names: Vec<String> = server.command(&["KEYS", "drover:{s*"]).await;
        holding += usize::from(!names.is_empty());
    }
    assert_eq!(holding, 3, "every node has sessions");

    // Whoever sleeps is woken over whichever node.
    let waiting = async { timeout(LONG, join_all(node.sessions.iter().map(|session| node.send(session, 1)))).await };
    let accepting = async {
        sleep(Duration::from_millis(200)).await;
        join_all(node.sessions.iter().map(|session| node.accept(session, "wake up"))).await
    };
    let (sent, _) = tokio::join!(waiting, accepting);
    assert_eq!(sent.expect("all are woken").len(), SESSIONS);

    // The row is the truth: the reconciler would lift a pause that only Redis knows of.
    node.store.pauses().pause(None, PauseCause::Operator, SystemClock.now_ms()).await.unwrap();
    node.queue.pause(None).await.unwrap();
    for session in &node.sessions {
        assert!(node.queue.stats(session).await.unwrap().blocked.paused_all, "{session}");
    }
    node.store.pauses().lift(None).await.unwrap();
    node.queue.resume(None).await.unwrap();
    node.queue.clear(&node.sessions[0]).await.unwrap();
    node.end().await;
}

/// How often the link came up, counted until the task is aborted.
fn count_ups(mut links: LinkChanges) -> (Arc<AtomicU64>, JoinHandle<()>) {
    let ups = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&ups);
    links.mark_unchanged();
    let counting = tokio::spawn(async move {
        while links.changed().await.is_ok() {
            count.fetch_add(u64::from(links.borrow_and_update().is_some()), Ordering::Relaxed);
        }
    });
    (ups, counting)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_empty_loses_and_doubles_nothing() {
    let mut node = Node::start().await;
    let expected = node.accept_some("before").await;
    let links = node.queue.link_changes();
    let (ups, counting) = count_ups(node.queue.link_changes());
    node.cluster.nodes[1].kill();
    let killed = Instant::now();
    // The claims of its sessions fail, the link is left, and nothing is lost meanwhile.
    let noticed = async {
        while links.borrow().is_some() {
            for session in &node.sessions {
                let _ = node.queue.stats(session).await;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, noticed).await.expect("the loss is noticed");
    // Until the other two agree that it is gone, they are found well, and the link breaks again: ever less often.
    let agreed = async {
        while !node.cluster.nodes[0].command::<String>(&["CLUSTER", "INFO"]).await.contains("cluster_state:fail") {
            for session in &node.sessions {
                let _ = node.queue.stats(session).await;
            }
        }
    };
    timeout(LONG, agreed).await.expect("a cluster without a node fails");
    let (ups, most) = (ups.load(Ordering::Relaxed), 8 + killed.elapsed().as_secs() / 2);
    assert!(ups <= most, "the link came up {ups} times in {:?}", killed.elapsed());
    counting.abort();
    let late = node.accept(&node.sessions[0], "while it was down").await;
    node.cluster.nodes[1].start_again();
    node.cluster.wait_until_ok().await;
    let mut expected = expected;
    expected.get_mut(&node.sessions[0]).unwrap().push(late.id);
    node.send_all(&expected).await;
    for session in &node.sessions {
        if let ClaimAnswer::Claimed(claim) = node.queue.claim(session).await.unwrap() {
            assert!(node.is_settled(&claim.id).await, "nothing twice");
        }
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inlet_reads_its_stream_wherever_it_is() {
    let node = Node::start().await;
    let client = redis::cluster::ClusterClient::new(
        node.cluster.nodes.iter().map(|server| format!("redis://127.0.0.1:{}", server.port)),
    );
    let mut connection = client.unwrap().get_async_connection().await.unwrap();
    for number in 0..5 {
        let payload = format!(r#"{{"session":"s3","chatId":"15550000001","text":"text {number}"}}"#);
        let mut add = redis::cmd("XADD");
        add.arg(keys::INLET).arg("*").arg("payload").arg(payload);
        let _: String = add.query_async(&mut connection).await.unwrap();
    }
    let mut add = redis::cmd("XADD");
    let _: String = add.arg(keys::INLET).arg("*").arg("payload").arg("{").query_async(&mut connection).await.unwrap();
    let sent = timeout(LONG, node.send(&node.sessions[3], 5)).await.expect("they are taken over");
    for (number, id) in sent.iter().enumerate() {
        let message = node.store.messages().get(id).await.unwrap().unwrap();
        assert_eq!(message.content, Content::text(format!("text {number}")));
    }
    let emptied = async {
        loop {
            let left: u64 = redis::cmd("XLEN").arg(keys::INLET).query_async(&mut connection).await.unwrap();
            let aside: u64 = redis::cmd("XLEN").arg(keys::INLET_REJECTED).query_async(&mut connection).await.unwrap();
            if (left, aside) == (0, 1) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, emptied).await.expect("the stream is trimmed, and what was wrong laid aside");
    node.end().await;
}
