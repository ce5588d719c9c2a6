//! One session's faults, one after another, and how long each took to heal.

use std::{
    fmt::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;

use super::{
    Session, Soak,
    faults::{Deck, Fault, happen},
    traffic::{Ledger, ack},
};
use crate::support::Drover;

/// Nobody else writes to this chat: what proves that a session sends again does not wait behind what piled up in its chat.
const PROBE_CHAT: &str = "15559990099@c.us";
/// After this a session counts as not recovered.
const GIVE_UP: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Slower than this, and the way is told.
const WORTH_TELLING: Duration = Duration::from_secs(15);

/// A fault and its end.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) fault: Fault,
    pub(super) healing: Healing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Healing {
    /// Ready and able to send, so long after the fault's end.
    After(Duration),
    Never,
    /// There was no browser for it to happen to.
    Missed,
}

/// A fault in each slot of time, at a random moment of its first third.
pub(super) fn torment(soak: &Soak<'_>, number: usize, session: &Session<'_>, ledger: &Ledger) -> Vec<Outcome> {
    let mut rng = StdRng::seed_from_u64(soak.plan.seed.wrapping_add(number as u64));
    let mut deck = Deck::default();
    let mut outcomes = Vec::new();
    for slot in 0.. {
        let at = soak.plan.slot * slot + soak.plan.slot.mul_f64(rng.random_range(0.0..0.33));
        if soak.began.elapsed() > at + soak.plan.slot {
            // The fault before took this slot, too.
            continue;
        }
        if at >= soak.plan.span || soak.over.rest(at.saturating_sub(soak.began.elapsed())) {
            break;
        }
        let fault = deck.draw(&mut rng);
        let begun_at = soak.began.elapsed();
        // What a fault needs may be missing just then, such as a page to talk to: that is told, and no end of the soak.
        let ended = catch_unwind(AssertUnwindSafe(|| happen(fault, soak, session, &mut rng)));
        let (healing, way) = match ended {
            Ok(Some(ended)) => recover(soak.drover, session, ledger, &format!("{slot}"), ended),
            Ok(None) | Err(_) => (Healing::Missed, String::new()),
        };
        tell(begun_at, session, fault, healing, &way);
        outcomes.push(Outcome { fault, healing });
    }
    outcomes
}

fn tell(begun_at: Duration, session: &Session<'_>, fault: Fault, healing: Healing, way: &str) {
    let (healed, is_slow) = match healing {
        Healing::After(took) => (format!("healed in {:.1} s", took.as_secs_f64()), took > WORTH_TELLING),
        Healing::Never => ("NOT HEALED".to_owned(), true),
        Healing::Missed => ("missed".to_owned(), false),
    };
    println!("{:>7.1} s  {:<4} {fault:<28} {healed}", begun_at.as_secs_f64(), session.name);
    if is_slow {
        println!("             {way}");
    }
}

/// Waits until the session is WORKING and a message handed in after the fault is acknowledged; the states on the way, too.
fn recover(
    drover: &Drover<'_>,
    session: &Session<'_>,
    ledger: &Ledger,
    mark: &str,
    ended: Instant,
) -> (Healing, String) {
    let text = format!("{} probe {mark}", session.name);
    let mut probe = None;
    let mut way = String::new();
    let mut last = Value::Null;
    while ended.elapsed() < GIVE_UP {
        let view = view(drover, &session.name);
        let now = serde_json::json!([view["state"], view["reason"]["code"]]);
        if now != last {
            let _ =
                write!(way, "{:.1} s: {} {}  ", ended.elapsed().as_secs_f64(), view["state"], view["reason"]["code"]);
            last = now;
        }
        if probe.is_none() {
            probe = ledger.send(drover, &session.name, PROBE_CHAT, &text);
        }
        let is_acked = probe.as_ref().and_then(|id| ack(drover, id)).is_some_and(|ack| ack >= 1);
        if is_acked && view["status"] == "WORKING" {
            return (Healing::After(ended.elapsed()), way);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    (Healing::Never, way)
}

/// What the API says of a session; null while nobody can say.
pub(super) fn view(drover: &Drover<'_>, session: &str) -> Value {
    let reply = drover.api().try_request("GET", &format!("/api/sessions/{session}"), &[], None);
    reply.ok().and_then(|reply| serde_json::from_slice(&reply.body).ok()).unwrap_or_default()
}
