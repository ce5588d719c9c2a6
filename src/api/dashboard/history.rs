//! What the plots show: memory, queue depth and sends, of each session and of all, sampled in memory.
//!
//! Bounded: the last hour in fine steps and the last day in steps of five minutes, some 350 samples of 16 bytes a session. A restart
//! begins anew; what is to be kept for longer is for Prometheus (`/metrics`).

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::broadcast::error::RecvError, time::MissedTickBehavior};
use tracing::warn;

use super::{Desk, memory};
use crate::model::{Event, EventKind, SessionName};

/// How often a sample is taken.
const STEP_S: u32 = 15;
/// How far apart fine samples of one session are kept; those of all together are kept as they are taken.
const SESSION_STEP_S: u32 = 60;
const HOUR_S: u32 = 3_600;
const DAY_S: u32 = 86_400;
const COARSE_STEP_S: u32 = 300;

/// How things stood over one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sample {
    /// When the step ended, in seconds since the Unix epoch.
    pub(super) at_s: u32,
    /// The most memory, in MiB; 0 when it is not known.
    pub(super) memory_mib: u32,
    /// The most messages that waited.
    pub(super) waiting: u32,
    /// Messages that WhatsApp's server took within the step.
    pub(super) sent: u32,
}

impl Sample {
    /// Two steps as one: the worst of what stands, the sum of what went.
    fn join(self, later: Self) -> Self {
        Self {
            at_s: later.at_s,
            memory_mib: self.memory_mib.max(later.memory_mib),
            waiting: self.waiting.max(later.waiting),
            sent: self.sent.saturating_add(later.sent),
        }
    }
}

/// Samples of equal steps, the oldest first, over a span.
#[derive(Debug)]
struct Steps {
    step_s: u32,
    most: usize,
    kept: VecDeque<Sample>,
    open: Option<Sample>,
}

impl Steps {
    fn new(step_s: u32, span_s: u32) -> Self {
        Self { step_s, most: (span_s / step_s) as usize, kept: VecDeque::new(), open: None }
    }

    fn take(&mut self, sample: Sample) {
        let joined = self.open.take().map_or(sample, |open| open.join(sample));
        // Samples do not come on the second.
        if sample.at_s % self.step_s < STEP_S {
            if self.kept.len() == self.most {
                self.kept.pop_front();
            }
            self.kept.push_back(joined);
        } else {
            self.open = Some(joined);
        }
    }
}

/// An hour and a day of one thing.
#[derive(Debug)]
pub(super) struct Series {
    fine: Steps,
    coarse: Steps,
}

impl Series {
    fn new(fine_step_s: u32) -> Self {
        Self { fine: Steps::new(fine_step_s, HOUR_S), coarse: Steps::new(COARSE_STEP_S, DAY_S) }
    }

    fn take(&mut self, sample: Sample) {
        self.fine.take(sample);
        self.coarse.take(sample);
    }
}

/// What was copied out of a series, and the length of its steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Span {
    pub(super) step_s: u32,
    pub(super) samples: Vec<Sample>,
}

/// Which span is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Hour,
    Day,
}

/// All samples.
#[derive(Debug)]
pub(super) struct History {
    all: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    together: Series,
    sessions: BTreeMap<SessionName, Series>,
}

impl History {
    pub(super) fn new() -> Self {
        Self { all: Mutex::new(Held { together: Series::new(STEP_S), sessions: BTreeMap::new() }) }
    }

    /// The samples of one session, or of all together.
    pub(super) fn span(&self, session: Option<&SessionName>, length: Length) -> Span {
        let held = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let series = match session {
            Some(name) => held.sessions.get(name),
            None => Some(&held.together),
        };
        let Some(series) = series else { return Span::default() };
        let steps = if length == Length::Hour { &series.fine } else { &series.coarse };
        Span { step_s: steps.step_s, samples: steps.kept.iter().copied().collect() }
    }

    /// Takes a sample of every session; those that are gone are forgotten.
    fn take(&self, samples: Vec<(SessionName, Sample)>) {
        let mut held = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = Sample::default();
        for (_, sample) in &samples {
            sum.at_s = sample.at_s;
            sum.memory_mib = sum.memory_mib.saturating_add(sample.memory_mib);
            sum.waiting = sum.waiting.saturating_add(sample.waiting);
            sum.sent = sum.sent.saturating_add(sample.sent);
        }
        let mut before = std::mem::take(&mut held.sessions);
        for (name, sample) in samples {
            let mut series = before.remove(&name).unwrap_or_else(|| Series::new(SESSION_STEP_S));
            series.take(sample);
            held.sessions.insert(name, series);
        }
        if sum.at_s > 0 {
            held.together.take(sum);
        }
    }
}

/// Samples until the shutdown begins.
pub(super) async fn sample(desk: Desk) {
    let shutdown = desk.parts.shutdown.clone();
    let mut heard = desk.parts.rooms.events.subscribe();
    let mut sent: HashMap<SessionName, u32> = HashMap::new();
    let mut clock = tokio::time::interval(Duration::from_secs(STEP_S.into()));
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut has_failed = false;
    loop {
        tokio::select! {
            () = shutdown.begun() => return,
            event = heard.recv() => match event {
                Ok(event) if is_sent(&event) => *sent.entry(event.event.session.clone()).or_default() += 1,
                // Behind: what went meanwhile is missing from a plot, and nowhere else.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            _ = clock.tick() => match read(&desk, &std::mem::take(&mut sent)).await {
                Ok(samples) => {
                    has_failed = false;
                    desk.inner.history.take(samples);
                }
                Err(problem) => if !std::mem::replace(&mut has_failed, true) {
                    warn!(cause = problem.for_log(), "the dashboard's plots miss samples");
                },
            },
        }
    }
}

/// WhatsApp's server has it: the first that is heard of a message that went.
fn is_sent(event: &Event) -> bool {
    event.event.kind == EventKind::MessageAck && event.event.payload["ack"] == 1
}

async fn read(
    desk: &Desk,
    sent: &HashMap<SessionName, u32>,
) -> crate::api::problem::Answer<Vec<(SessionName, Sample)>> {
    let figure = desk.inner.figures.read().await?;
    let at_s = u32::try_from(desk.now_ms() / 1_000).unwrap_or(u32::MAX);
    let held = memory::held(&desk.parts.rooms.registry);
    let of = |name: &SessionName| Sample {
        at_s,
        memory_mib: held.get(name).map_or(0, |bytes| u32::try_from(bytes >> 20).unwrap_or(u32::MAX)),
        waiting: figure.waiting.get(name).map_or(0, |count| u32::try_from(*count).unwrap_or(u32::MAX)),
        sent: sent.get(name).copied().unwrap_or(0),
    };
    let views = desk.parts.rooms.registry.views();
    Ok(views.into_iter().map(|view| (view.name.clone(), of(&view.name))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at_s: u32, waiting: u32) -> Sample {
        Sample { at_s, memory_mib: 10, waiting, sent: 1 }
    }

    fn name(text: &str) -> SessionName {
        text.parse().expect("a name")
    }

    #[test]
    fn an_hour_is_kept_in_fine_steps_and_a_day_in_coarse_ones() {
        let history = History::new();
        let samples = 2 * DAY_S / STEP_S;
        for index in 1..=samples {
            let at_s = index * STEP_S;
            history.take(vec![(name("one"), at(at_s, index % 7)), (name("two"), at(at_s, 0))]);
        }
        let hour = history.span(None, Length::Hour);
        assert_eq!((hour.step_s, hour.samples.len()), (STEP_S, 240));
        assert_eq!(
            hour.samples.last().map(|sample| (sample.at_s, sample.memory_mib, sample.sent)),
            Some((2 * DAY_S, 20, 2))
        );
        let day = history.span(None, Length::Day);
        assert_eq!((day.step_s, day.samples.len()), (COARSE_STEP_S, 288));
        assert!(day.samples.iter().all(|sample| sample.sent == 40 && sample.waiting == 6), "{:?}", day.samples[0]);
        let one = history.span(Some(&name("one")), Length::Hour);
        assert_eq!((one.step_s, one.samples.len()), (SESSION_STEP_S, 60));
        assert!(one.samples.iter().all(|sample| sample.sent == 4));
    }

    #[test]
    fn a_session_that_is_gone_is_forgotten() {
        let history = History::new();
        history.take(vec![(name("one"), at(60, 1))]);
        assert_eq!(history.span(Some(&name("one")), Length::Hour).samples.len(), 1);
        history.take(vec![(name("two"), at(120, 1))]);
        assert!(history.span(Some(&name("one")), Length::Hour).samples.is_empty());
    }
}
