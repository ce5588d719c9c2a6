//! The tables of alerts, their mails and the audit log, and the figures that alerts go by, on SQLite and on PostgreSQL; and that a
//! backup keeps them.

use drover::{
    model::{Alert, AttemptOutcome, DeadCode, EventKind, SessionName, Severity},
    store::{
        AuditActor, AuditEntry, AuditResult, LogWrite, LogWritten, NewMail, SQLITE_FILE, Standing, Store, Told,
        Written, load_postgres_snapshot, require_empty, sqlite_url, take_snapshot,
    },
};

use crate::backends::{postgres::TestPostgres, rows};

fn name(text: &str) -> SessionName {
    text.parse().unwrap()
}

fn raised(code: &str) -> Alert {
    Alert::raised(code, Severity::Warning, "what happened 🐑 'x' \"y\"").with("reason", "why")
}

/// Tells one; the number of its event, if it is news.
async fn tell(store: &Store, session: &str, alert: Alert, at_ms: i64) -> Option<i64> {
    let write = LogWrite::Alert { session: name(session), alert: Box::new(alert) };
    match store.write_log(vec![write], at_ms).await.remove(0).unwrap() {
        LogWritten::Alerted(event) => event.map(|event| {
            assert_eq!((event.at_ms, event.event.kind), (at_ms, EventKind::Alert));
            event.seq
        }),
        other => panic!("{other:?}"),
    }
}

fn mail(id: &str) -> NewMail {
    NewMail {
        id: id.to_owned(),
        recipient: "ops@example.com".to_owned(),
        subject: "shop: ¿qué?".to_owned(),
        text: "text".to_owned(),
        html: "<p>html</p>".to_owned(),
    }
}

async fn a_problem_is_news_once_and_what_mails_told_is_kept_with_it(store: &Store) {
    let alerts = store.alerts();
    let shop = name("shop");
    assert_eq!(alerts.cursor(7).await.unwrap(), 7);
    assert_eq!(alerts.cursor(9).await.unwrap(), 7, "the first one stays");
    let over = Alert::resolved("stuck", "over");
    assert_eq!(tell(store, "shop", over.clone(), 1).await, None, "it was not there");
    let first = tell(store, "shop", raised("stuck"), 10).await.expect("news");
    assert_eq!(tell(store, "shop", raised("stuck"), 11).await, None, "it is open");
    assert!(tell(store, "other", raised("stuck"), 12).await.is_some(), "another session's");
    assert!(tell(store, "shop", Alert::raised("linked", Severity::Info, "good"), 13).await.is_some());
    assert!(
        tell(store, "shop", Alert::raised("linked", Severity::Info, "good"), 14).await.is_some(),
        "a notice is news each time"
    );

    let open = alerts.open().await.unwrap();
    assert_eq!(
        open.iter().map(|problem| (problem.session.as_str(), problem.raised_at_ms)).collect::<Vec<_>>(),
        [("shop", 10), ("other", 12)]
    );
    let known = alerts.get(&shop, "stuck").await.unwrap().unwrap();
    assert_eq!(
        (known.severity, known.message.as_str(), known.resolved_at_ms),
        (Severity::Warning, "what happened 🐑 'x' \"y\"", None)
    );
    assert_eq!(known.told, Told::default());
    assert_eq!(alerts.get(&shop, "else").await.unwrap(), None);

    let told = Told { mailed_at_ms: Some(20), repeats: 3, is_told: true };
    let written = Written {
        up_to_seq: Some(first + 7),
        told: vec![(shop.clone(), "stuck".to_owned(), told)],
        mails: vec![mail("m1"), mail("m2")],
    };
    alerts.write(written, 20).await.unwrap();
    assert_eq!(alerts.cursor(0).await.unwrap(), first + 7);
    alerts.write(Written { up_to_seq: Some(1), ..Written::default() }, 21).await.unwrap();
    assert_eq!(alerts.cursor(0).await.unwrap(), first + 7, "it does not go back");
    assert_eq!(alerts.repeated().await.unwrap().iter().map(|problem| problem.told).collect::<Vec<_>>(), [told]);

    assert!(tell(store, "shop", over, 30).await.is_some());
    let ended = alerts.get(&shop, "stuck").await.unwrap().unwrap();
    assert_eq!((ended.resolved_at_ms, ended.told), (Some(30), told), "what was told outlives it");
    assert!(tell(store, "shop", raised("stuck"), 40).await.is_some(), "it came again");
    assert_eq!(alerts.get(&shop, "stuck").await.unwrap().unwrap().resolved_at_ms, None);
    alerts.forget(&name("other")).await.unwrap();
    assert_eq!(alerts.open().await.unwrap().len(), 1);
}

async fn a_mail_waits_is_given_up_or_goes(store: &Store) {
    let mails = store.alert_mails();
    let waiting = mails.waiting(10).await.unwrap();
    assert_eq!(waiting.iter().map(|one| one.mail.clone()).collect::<Vec<_>>(), [mail("m1"), mail("m2")]);
    assert_eq!((waiting[0].attempts, waiting[0].due_at_ms, waiting[0].is_dead), (0, 20, false));
    mails.failed("m1", Some(80), ("smtp_deferred", "later")).await.unwrap();
    mails.failed("m2", None, ("smtp_rejected", "no such user")).await.unwrap();
    let waiting = mails.waiting(10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].attempts, waiting[0].due_at_ms), (1, 1, 80));
    assert_eq!(waiting[0].failure, Some(("smtp_deferred".to_owned(), "later".to_owned())));
    let dead = mails.dead(10).await.unwrap();
    assert_eq!((dead.len(), &*dead[0].mail.id, dead[0].is_dead), (1, "m2", true));
    mails.remove_dead(20).await.unwrap();
    assert_eq!(mails.dead(10).await.unwrap().len(), 1, "it is no older");
    mails.remove_dead(21).await.unwrap();
    assert!(mails.dead(10).await.unwrap().is_empty());
    assert_eq!(mails.waiting(10).await.unwrap().len(), 1, "what waits stays");
}

async fn the_figures_say_what_waits_and_what_was_given_up(store: &Store) {
    let shop = name("shop");
    store.sessions().insert(&rows::session("shop")).await.unwrap();
    assert!(store.messages().standing(1_000).await.unwrap().is_empty());
    let mut all: Vec<_> =
        (0..4).map(|number| rows::message(&shop, "15550000001@c.us", "hello", 100 + number)).collect();
    all[2].schedule.send_at_ms = Some(5_000);
    for message in &all {
        store.messages().insert(&rows::new(message)).await.unwrap();
    }
    let [first, _, _, given_up] = &all[..] else { unreachable!("there are four") };
    assert!(store.messages().bury(&given_up.id, DeadCode::NotOnWhatsapp, "nobody has it").await.unwrap());
    let key = format!("true_15550000001@c.us_{}", first.id).parse().unwrap();
    let number = store.attempts().begin(&first.id, &key, 900).await.unwrap().expect("it is not settled");
    store.attempts().finish(&first.id, number, AttemptOutcome::Failed, Some("no")).await.unwrap();
    let standing = Standing { waiting: 3, due: 2, oldest_due_ms: Some(100), last_tried_at_ms: Some(900), dead: 1 };
    assert_eq!(store.messages().standing(1_000).await.unwrap(), [(shop.clone(), standing)].into());
    let later = store.messages().standing(5_000).await.unwrap();
    assert_eq!(later[&shop].due, 3, "its time has come");
}

async fn who_changed_what_is_listed_from_the_newest_and_goes_by_age(store: &Store) {
    let audit = store.audit();
    let entry = |number: i64| AuditEntry {
        id: 0,
        at_ms: 1_000 * number,
        who: AuditActor { key_id: "admin".to_owned(), address: "::1".to_owned() },
        action: "POST /api/sessions".to_owned(),
        target: format!("session=s{number}"),
        result: AuditResult { status: 409, code: (number % 2 == 0).then(|| "conflict".to_owned()) },
        request_id: format!("req_{number}"),
    };
    for number in 1..=5 {
        audit.add(entry(number)).await.unwrap();
    }
    let newest = audit.newest(None, 3).await.unwrap();
    assert_eq!(newest.iter().map(|one| one.at_ms).collect::<Vec<_>>(), [5_000, 4_000, 3_000]);
    assert_eq!(AuditEntry { id: 0, ..newest[1].clone() }, entry(4));
    let before = audit.newest(Some(newest[2].id), 10).await.unwrap();
    assert_eq!(before.iter().map(|one| one.at_ms).collect::<Vec<_>>(), [2_000, 1_000]);
    assert_eq!(audit.remove(4_000, 2).await.unwrap(), 2, "the oldest, as many as asked for");
    assert_eq!(audit.remove(4_000, 2).await.unwrap(), 1);
    assert_eq!(audit.newest(None, 10).await.unwrap().len(), 2);
}

async fn all_of_it(store: &Store) {
    a_problem_is_news_once_and_what_mails_told_is_kept_with_it(store).await;
    a_mail_waits_is_given_up_or_goes(store).await;
    the_figures_say_what_waits_and_what_was_given_up(store).await;
    who_changed_what_is_listed_from_the_newest_and_goes_by_age(store).await;
}

/// What a backup must keep of these tables.
async fn contents(store: &Store) -> String {
    let alerts = store.alerts();
    let tables = (
        (alerts.open().await.unwrap(), alerts.repeated().await.unwrap(), alerts.cursor(0).await.unwrap()),
        store.alert_mails().waiting(10).await.unwrap(),
        store.audit().newest(None, 10).await.unwrap(),
        store.messages().standing(5_000).await.unwrap(),
    );
    format!("{tables:#?}")
}

/// What comes after a restore has a number of its own.
async fn goes_on(store: &Store) {
    let newest = store.audit().newest(None, 1).await.unwrap().remove(0);
    store.audit().add(AuditEntry { request_id: "after".to_owned(), ..newest.clone() }).await.unwrap();
    assert!(store.audit().newest(None, 1).await.unwrap()[0].id > newest.id);
    assert!(tell(store, "shop", raised("later"), 50).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_and_the_audit_log_are_kept_on_sqlite_and_by_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder.path().join("one.db"));
    let store = Store::open(&url).await.unwrap();
    all_of_it(&store).await;
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    take_snapshot(&url, &copy).await.unwrap();
    let restored = Store::open(&sqlite_url(&copy.join(SQLITE_FILE))).await.unwrap();
    assert_eq!(contents(&restored).await, contents(&store).await);
    goes_on(&restored).await;
    restored.close().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_and_the_audit_log_are_kept_on_postgres_and_by_a_backup() {
    let postgres = TestPostgres::start().await;
    let (url, other) = (postgres.new_database("one").await, postgres.new_database("two").await);
    let store = Store::open(&url).await.unwrap();
    all_of_it(&store).await;
    let copy = tempfile::tempdir().unwrap();
    take_snapshot(&url, copy.path()).await.unwrap();
    require_empty(&other).await.unwrap();
    load_postgres_snapshot(&other, copy.path()).await.unwrap();
    let restored = Store::open(&other).await.unwrap();
    assert_eq!(contents(&restored).await, contents(&store).await);
    goes_on(&restored).await;
    restored.close().await;
    store.close().await;
}
