//! The recorder behind the macros of `metrics`: what is counted of a session lies in a part of its own, which goes with the session. So
//! the number of series follows that of the sessions there are, and does not grow with those there ever were.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::catalogue;

/// Bounds of everything that is measured in seconds: from a Redis call to a wait for an ack.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// The label whose value is a session's name.
const LABEL: &str = "session";

/// Keeps what is counted. Clones share it.
#[derive(Clone)]
pub(super) struct BySession(Arc<Parts>);

struct Parts {
    common: Part,
    sessions: RwLock<HashMap<String, Part>>,
}

struct Part {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Part {
    fn new() -> Result<Self, BuildError> {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let recorder = PrometheusBuilder::new().set_buckets_for_metric(seconds, SECONDS)?.build_recorder();
        let handle = recorder.handle();
        Ok(Self { recorder, handle })
    }
}

impl BySession {
    /// With nothing counted yet.
    ///
    /// # Errors
    /// When the exporter does not take the bounds.
    pub(super) fn new() -> Result<Self, BuildError> {
        Ok(Self(Arc::new(Parts { common: Part::new()?, sessions: RwLock::default() })))
    }

    /// Lets go what was counted of sessions that are not there any more.
    pub(super) fn keep_only(&self, is_there: impl Fn(&str) -> bool) {
        if self.read().keys().any(|session| !is_there(session)) {
            self.write().retain(|session, _| is_there(session));
        }
    }

    /// Puts what was observed one by one into the buckets.
    pub(super) fn settle(&self) {
        self.0.common.handle.run_upkeep();
        for part in self.read().values() {
            part.handle.run_upkeep();
        }
    }

    /// Everything, in Prometheus' text format: each metric once, whatever parts have samples of it.
    pub(super) fn render(&self) -> String {
        let mut metrics: BTreeMap<String, Written> = BTreeMap::new();
        // A send is counted for all first, then for its session: read in the other order, no figure of all lacks what one of a session has.
        for part in self.read().values() {
            add(&mut metrics, &part.handle.render());
        }
        add(&mut metrics, &self.0.common.handle.render());
        let helps: HashMap<&str, &str> = catalogue::all().map(|metric| (metric.name, metric.help)).collect();
        let mut text = String::new();
        for (name, Written { kind, samples }) in metrics {
            if let Some(help) = helps.get(name.as_str()) {
                let help = help.replace('\\', "\\\\").replace('\n', "\\n");
                // Writing to a text does not fail.
                let _ = writeln!(text, "# HELP {name} {help}");
            }
            let _ = writeln!(text, "# TYPE {name} {kind}\n{samples}");
        }
        text
    }

    fn with<T>(&self, key: &Key, register: impl Fn(&PrometheusRecorder) -> T) -> T {
        let Some(label) = key.labels().find(|label| label.key() == LABEL) else {
            return register(&self.0.common.recorder);
        };
        if let Some(part) = self.read().get(label.value()) {
            return register(&part.recorder);
        }
        let mut sessions = self.write();
        let part = sessions
            .entry(label.value().to_owned())
            .or_insert_with(|| Part::new().expect("the same bounds were taken at the start"));
        register(&part.recorder)
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Part>> {
        self.0.sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Part>> {
        self.0.sessions.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for BySession {
    // What each counts stands in the catalogue.
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.with(key, |recorder| recorder.register_counter(key, metadata))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.with(key, |recorder| recorder.register_gauge(key, metadata))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.with(key, |recorder| recorder.register_histogram(key, metadata))
    }
}

/// What is written of one metric.
struct Written {
    kind: String,
    /// A line each.
    samples: String,
}

/// Adds what one part wrote: `# TYPE name kind`, then the samples, then an empty line.
fn add(metrics: &mut BTreeMap<String, Written>, text: &str) {
    for block in text.split("\n\n") {
        let Some((before, samples)) = block.split_once("# TYPE ").and_then(|(_, rest)| rest.split_once('\n')) else {
            continue;
        };
        let Some((name, kind)) = before.split_once(' ') else { continue };
        let written =
            metrics.entry(name.to_owned()).or_insert_with(|| Written { kind: kind.to_owned(), samples: String::new() });
        written.samples.push_str(samples.trim_end());
        written.samples.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use metrics::{counter, gauge, histogram};

    use super::*;

    fn count(recorder: &BySession, session: &'static str) {
        metrics::with_local_recorder(recorder, || {
            counter!("drover_sends_total", "session" => session, "outcome" => "sent").increment(2);
            gauge!("drover_session_working", "session" => session).set(1.0);
            histogram!("drover_session_latency_seconds", "session" => session).record(0.2);
            gauge!("drover_memory_level").set(1.0);
        });
    }

    const SOME: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

    #[test]
    fn each_metric_is_written_once_with_the_samples_of_all_sessions() {
        let recorder = BySession::new().expect("the bounds are right");
        count(&recorder, "a");
        count(&recorder, "b");
        recorder.settle();
        let text = recorder.render();
        for name in ["drover_sends_total", "drover_session_working", "drover_session_latency_seconds"] {
            assert_eq!(text.matches(&format!("# TYPE {name} ")).count(), 1, "{text}");
            assert_eq!(text.matches(&format!("# HELP {name} ")).count(), 1, "{text}");
        }
        for sample in [
            "drover_sends_total{session=\"a\",outcome=\"sent\"} 2\n",
            "drover_sends_total{session=\"b\",outcome=\"sent\"} 2\n",
            "drover_session_latency_seconds_bucket{session=\"a\",le=\"0.25\"} 1\n",
            "drover_memory_level 1\n",
        ] {
            assert_eq!(text.matches(sample).count(), 1, "{sample} in {text}");
        }
    }

    #[test]
    fn what_is_counted_of_all_is_never_behind_what_is_counted_of_a_session() {
        let recorder = BySession::new().expect("the bounds are right");
        for name in SOME {
            count(&recorder, name);
        }
        let is_over = AtomicBool::new(false);
        // The sum of these samples.
        let value = |text: &str, sample: &str| -> u64 {
            let values = text.lines().filter_map(|line| line.strip_prefix(sample)?.rsplit_once(' '));
            values.map(|(_, value)| value.parse::<u64>().expect("a number")).sum()
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                metrics::with_local_recorder(&recorder, || {
                    while !is_over.load(Ordering::Relaxed) {
                        for session in SOME {
                            histogram!("drover_send_seconds", "outcome" => "sent").record(0.1);
                            counter!("drover_sends_total", "session" => session, "outcome" => "sent").increment(1);
                        }
                    }
                });
            });
            let texts: Vec<String> = (0..50).map(|_| recorder.render()).collect();
            is_over.store(true, Ordering::Relaxed);
            for text in texts {
                let of_all = value(&text, "drover_send_seconds_count{outcome=\"sent\"}");
                let of_the_sessions = value(&text, "drover_sends_total{");
                assert!(
                    of_all + 2 * SOME.len() as u64 >= of_the_sessions,
                    "{of_all} of all, {of_the_sessions} of the sessions"
                );
            }
        });
    }

    #[test]
    fn a_thousand_sessions_that_went_leave_no_series() {
        let recorder = BySession::new().expect("the bounds are right");
        count(&recorder, "stays");
        let before = recorder.render();
        for number in 0..1_000 {
            let name: &'static str = Box::leak(format!("s{number}").into_boxed_str());
            count(&recorder, name);
            recorder.keep_only(|session| session == "stays");
        }
        assert_eq!(recorder.read().len(), 1);
        let after = recorder.render();
        assert_eq!(after.lines().count(), before.lines().count(), "{after}");
        assert!(after.contains("drover_sends_total{session=\"stays\",outcome=\"sent\"} 2"), "{after}");
        assert!(after.contains("drover_memory_level 1"), "{after}");
    }
}
