//! Problems that the database did not take down: told in the log and by mail at once, and once; remembered here for as long as they last.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    model::{Alert, SessionName},
    store::{Problem, Told},
};

/// Those that are open, by whose they are and their code.
#[derive(Debug, Default)]
pub(super) struct Unkept(Mutex<BTreeMap<(SessionName, String), Problem>>);

impl Unkept {
    /// Remembers one; whether it is new.
    pub(super) fn add(&self, session: &SessionName, alert: &Alert, at_ms: i64) -> bool {
        let key = (session.clone(), alert.code.clone());
        let mut open = self.open();
        if open.contains_key(&key) {
            return false;
        }
        let problem = Problem {
            session: session.clone(),
            code: alert.code.clone(),
            severity: alert.severity,
            message: alert.message.clone(),
            raised_at_ms: at_ms,
            resolved_at_ms: None,
            told: Told::default(),
        };
        open.insert(key, problem);
        true
    }

    /// Whether one is open.
    pub(super) fn has(&self, session: &SessionName, code: &str) -> bool {
        self.open().contains_key(&(session.clone(), code.to_owned()))
    }

    /// It is over.
    pub(super) fn remove(&self, session: &SessionName, code: &str) {
        self.open().remove(&(session.clone(), code.to_owned()));
    }

    /// Those that are open.
    pub(super) fn all(&self) -> Vec<Problem> {
        self.open().values().cloned().collect()
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<(SessionName, String), Problem>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;

    #[test]
    fn each_is_remembered_once_until_it_is_over() {
        let (unkept, server) = (Unkept::default(), SessionName::server());
        let alert = Alert::raised("disk_unwritable", Severity::Critical, "nothing can be written");
        assert!(unkept.add(&server, &alert, 5) && !unkept.add(&server, &alert, 9));
        assert!(unkept.has(&server, "disk_unwritable") && !unkept.has(&server, "disk_low"));
        assert_eq!(unkept.all().iter().map(|problem| problem.raised_at_ms).collect::<Vec<_>>(), [5]);
        unkept.remove(&server, "disk_unwritable");
        assert!(unkept.all().is_empty() && unkept.add(&server, &alert, 9));
    }
}
