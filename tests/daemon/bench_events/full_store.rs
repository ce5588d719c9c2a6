//! A store that has been in use for long: rows as drover writes them, put into its SQLite file while it does not run.

use std::path::Path;

use drover::store::sqlite_url;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};

/// Two of five rows are events, two are messages that came in, one is a message of ours. None is so old that it would be removed.
pub(super) fn fill(database: &Path, session: &str, rows: u32) {
    sqlx::any::install_default_drivers();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection = AnyConnection::connect(&sqlite_url(database)).await.expect("drover made it");
        for sql in statements(session, rows) {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the rows fit the schema");
        }
        connection.close().await.expect("it closes");
    });
}

fn statements(session: &str, rows: u32) -> [String; 6] {
    let numbers = |count: u32| {
        format!("WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) ")
    };
    // One each second, the last an hour ago.
    let at_s = |count: u32| format!("CAST(strftime('%s', 'now') AS INTEGER) - 3600 - {count} + n");
    let (two, one) = (rows / 5 * 2, rows / 5);
    let text = "'a message of usual length, as people write them: number ' || n";
    let payload = format!(
        "json_object('id', 'false_' || (n % 1000) || '@lid_3A' || printf('%018X', n), 'timestamp', {at}, 'from', (n % 1000) \
         || '@lid', 'fromMe', json('false'), 'source', 'app', 'to', '15550009001@c.us', 'participant', '', 'body', {text}, \
         'hasMedia', json('false'), 'mediaUrl', '', 'ack', 1, 'ackName', 'SERVER', 'vCards', json('[]'))",
        at = at_s(two)
    );
    [
        "BEGIN".to_owned(),
        format!(
            "INSERT INTO events (seq, at_ms, kind, session, payload) {} SELECT (SELECT seq FROM event_counter) + n, \
             ({}) * 1000, 'message', '{session}', {payload} FROM numbers",
            numbers(two),
            at_s(two)
        ),
        format!(
            "UPDATE event_counter SET seq = seq + {two}; UPDATE webhook_lanes SET cursor_seq = (SELECT seq FROM event_counter)"
        ),
        format!(
            "INSERT INTO inbound (session, id, from_me, message_key, chat, sender, kind, body, sent_at_s, received_at_ms, \
             payload) {} SELECT '{session}', '3A' || printf('%018X', n), 0, 'false_' || (n % 1000) || '@lid_3A' || \
             printf('%018X', n), (n % 1000) || '@lid', (n % 1000) || '@lid', 'chat', {text}, {at}, ({at}) * 1000, {payload} \
             FROM numbers",
            numbers(two),
            at = at_s(two)
        ),
        format!(
            "INSERT INTO messages (id, session, chat, content, priority, state, ack, accepted_by, fingerprint, created_at_ms) {} \
             SELECT '3EB0' || printf('%018X', n), '{session}', '1555' || printf('%07d', n % 1000) || '@c.us', \
             json_object('kind', 'text', 'body', {text}), 'normal', 'read', 3, 'key', printf('%064x', n), ({}) * 1000 FROM numbers",
            numbers(one),
            at_s(one)
        ),
        "COMMIT".to_owned(),
    ]
}
