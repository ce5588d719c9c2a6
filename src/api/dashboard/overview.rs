//! All sessions at a glance: those that need somebody first.

use std::fmt::Write as _;

use minijinja::{Value, context};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    Desk,
    figures::Figure,
    memory,
    page::{Drawn, Part},
    plot,
    render::shown,
    visible,
    visitor::Visitor,
};
use crate::{
    api::{
        auth::Action,
        input::Params,
        problem::{Answer, Problem},
    },
    model::{SessionState, SessionView, WireStatus},
};

/// How many sessions a page shows.
const PAGE: usize = 100;

/// Which sessions are shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Query {
    /// In whose name, number or account this is.
    text: String,
    /// Of which group; None: all.
    group: Option<Group>,
    /// Which page of them, from 1.
    page: usize,
}

/// Sessions by what they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// A person.
    Failed,
    /// A phone.
    Scan,
    /// An eye.
    Degraded,
    /// A moment.
    Starting,
    /// Nothing.
    Working,
    /// Nothing either: they rest.
    Stopped,
}

impl Group {
    const ALL: [Self; 6] = [Self::Failed, Self::Scan, Self::Degraded, Self::Starting, Self::Working, Self::Stopped];

    fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Scan => "scan",
            Self::Degraded => "degraded",
            Self::Starting => "starting",
            Self::Working => "working",
            Self::Stopped => "stopped",
        }
    }

    fn of(view: &SessionView) -> Self {
        let is_troubled = !view.health.degraded.is_empty() || view.health.quarantined;
        match view.state.wire_status() {
            WireStatus::Failed => Self::Failed,
            WireStatus::ScanQrCode => Self::Scan,
            WireStatus::Working | WireStatus::Starting if is_troubled => Self::Degraded,
            WireStatus::Starting => Self::Starting,
            WireStatus::Working => Self::Working,
            WireStatus::Stopped => Self::Stopped,
        }
    }
}

impl std::str::FromStr for Group {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|group| group.name() == text).ok_or("there is no such group of sessions")
    }
}

impl Query {
    pub(super) fn of(params: &Params) -> Answer<Self> {
        let page = params.optional::<usize>("page")?.unwrap_or(1);
        if page == 0 {
            return Err(Problem::wrong_field("page", "pages are counted from 1"));
        }
        Ok(Self {
            text: params.text("q").unwrap_or_default().trim().to_owned(),
            group: params.optional("group")?,
            page,
        })
    }

    /// As the rest of a query.
    pub(super) fn as_query(&self) -> String {
        let mut query = String::new();
        // A String takes whatever is written.
        if !self.text.is_empty() {
            let _ = write!(query, "&q={}", utf8_percent_encode(&self.text, NON_ALPHANUMERIC));
        }
        if let Some(group) = self.group {
            let _ = write!(query, "&group={}", group.name());
        }
        if self.page > 1 {
            let _ = write!(query, "&page={}", self.page);
        }
        query
    }

    fn takes(&self, view: &SessionView) -> bool {
        let text = self.text.to_lowercase();
        let is_in = |word: &str| word.to_lowercase().contains(&text);
        let is_named = text.is_empty()
            || is_in(view.name.as_str())
            || view.me.as_ref().is_some_and(|me| is_in(&me.id) || is_in(&me.push_name));
        is_named && self.group.is_none_or(|group| group == Group::of(view))
    }
}

/// What the page shows.
pub(super) async fn read(desk: &Desk, visitor: &Visitor, query: &Query) -> Answer<Drawn> {
    let figure = desk.inner.figures.read().await?;
    let mut views = visible(desk, visitor);
    let counts = counts(&views);
    let total = views.len();
    views.retain(|view| query.takes(view));
    let found = views.len();
    // By nothing that changes all the time, so that rows stay where they are.
    views.sort_by_key(|view| (Group::of(view), view.name.clone()));
    let pages = found.div_ceil(PAGE).max(1);
    let page = query.page.min(pages);
    let shown = views.iter().skip((page - 1) * PAGE).take(PAGE);
    let held = memory::held(&desk.parts.rooms.registry);
    let row = |view: &SessionView| (format!("row-{}", view.name), row(view, &figure, held.get(&view.name).copied()));
    let rows: Vec<(String, Value)> = shown.map(row).collect();
    let only_session = visitor.principal().only_session();
    let values = context! {
        counts, total, found, page, pages,
        query => context! { text => query.text.as_str(), group => query.group.map(Group::name) },
        pager => Value::from_safe_string(Query { page: 0, ..query.clone() }.as_query().replace('&', "&amp;")),
        sessions => rows.iter().map(|(_, row)| row.clone()).collect::<Vec<_>>(),
        waiting => only(&figure.waiting, only_session),
        dead => only(&figure.dead, only_session),
        oldest_ms => if only_session.is_none() { figure.oldest_ms } else { None },
        paused_all => figure.paused.all,
        may_create => visitor.signed_in.is_admin,
        spans => if only_session.is_none() { plot::of(desk, None, visitor.language) } else { Value::from(Vec::<Value>::new()) },
    };
    let mut parts = vec![Part::Whole { id: "counts", template: "overview_counts.html" }];
    if only_session.is_none() && visitor.may_on_all(Action::Read) {
        parts.push(Part::Whole { id: "plots", template: "plots.html" });
    }
    parts.push(Part::List { id: "sessions", template: "overview_row.html", items: rows });
    Ok(Drawn { values, parts })
}

fn only(
    counts: &std::collections::HashMap<crate::model::SessionName, u64>,
    session: Option<&crate::model::SessionName>,
) -> u64 {
    match session {
        Some(name) => counts.get(name).copied().unwrap_or(0),
        None => counts.values().sum(),
    }
}

/// How many are in each group, and where its piece of the bar begins (of 1,000).
/// The name of the group that a session is in.
pub(super) fn group_of(view: &SessionView) -> &'static str {
    Group::of(view).name()
}

fn counts(views: &[SessionView]) -> Vec<Value> {
    let total = views.len().max(1);
    let mut begin = 0;
    Group::ALL
        .into_iter()
        .map(|group| {
            let count = views.iter().filter(|view| Group::of(view) == group).count();
            let width = count * 1_000 / total;
            let piece = context! { name => group.name(), count, begin, width };
            begin += width;
            piece
        })
        .collect()
}

fn row(view: &SessionView, figure: &Figure, memory_bytes: Option<u64>) -> Value {
    let health = &view.health;
    context! {
        name => shown(&view.name),
        group => Group::of(view).name(),
        state => view.state.as_str(),
        reason => shown(&view.reason),
        since_ms => view.since_ms,
        memory_bytes,
        me => shown(&view.me),
        number => view.me.as_ref().map(|me| me.id.trim_end_matches("@c.us")),
        seen_ms => seen_ms(view),
        latency => shown(&health.latency),
        degraded => shown(&health.degraded),
        quarantined => health.quarantined,
        percent => view.page.loading_percent,
        paused => figure.paused.sessions.get(&view.name).map(|cause| cause.as_str()),
        waiting => figure.waiting.get(&view.name).copied().unwrap_or(0),
        dead => figure.dead.get(&view.name).copied().unwrap_or(0),
        retry_ms => view.retry.map(|(_, at_ms)| at_ms),
    }
}

/// When the session was last heard of: an acknowledgement, or an answer of its page. None while it is seen to work.
fn seen_ms(view: &SessionView) -> Option<i64> {
    let heard = view.health.last_ack_at_ms.max(view.health.last_activity_at_ms);
    if view.state == SessionState::Ready { heard.max(Some(view.since_ms)) } else { heard }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Degradation, Desired, Me, SessionHealth, session::PageView};

    fn view(name: &str, state: SessionState) -> SessionView {
        SessionView {
            name: name.parse().expect("a name"),
            desired: Desired::Running,
            state,
            reason: None,
            since_ms: 0,
            me: Some(Me { id: "15551234567@c.us".to_owned(), lid: None, push_name: "Ana".to_owned() }),
            qr: None,
            page: PageView::default(),
            retry: None,
            health: SessionHealth::default(),
            sleep: crate::model::SleepView::default(),
        }
    }

    #[test]
    fn a_session_is_found_by_name_number_or_account_and_by_what_it_needs() {
        let shop = view("shop", SessionState::Ready);
        let query = |text: &str, group| Query { text: text.to_owned(), group, page: 1 };
        for text in ["", "SHO", "5551", "ana"] {
            assert!(query(text, None).takes(&shop), "{text}");
        }
        assert!(!query("other", None).takes(&shop));
        assert!(query("shop", Some(Group::Working)).takes(&shop));
        assert!(!query("shop", Some(Group::Failed)).takes(&shop));
        let mut slow = shop;
        slow.health.degraded = vec![Degradation::Latency];
        assert_eq!(Group::of(&slow), Group::Degraded);
    }

    #[test]
    fn a_query_is_found_again() {
        let query = Query { text: "a b&c".to_owned(), group: Some(Group::Scan), page: 3 };
        assert_eq!(query.as_query(), "&q=a%20b%26c&group=scan&page=3");
        assert_eq!(Query { page: 1, ..Query::default() }.as_query(), "");
    }

    #[test]
    fn the_bar_has_a_piece_for_each_group() {
        let views = [
            view("a", SessionState::Ready),
            view("b", SessionState::Ready),
            view("c", SessionState::Failed),
            view("d", SessionState::Stopped),
        ];
        let pieces: Vec<(String, String, String)> = counts(&views)
            .iter()
            .map(|piece| ["name", "begin", "width"].map(|name| piece.get_attr(name).expect("there").to_string()).into())
            .collect();
        let piece = |index: usize| (pieces[index].0.as_str(), pieces[index].1.as_str(), pieces[index].2.as_str());
        assert_eq!(piece(0), ("failed", "0", "250"));
        assert_eq!(piece(4), ("working", "250", "500"));
        assert_eq!(piece(5), ("stopped", "750", "250"));
    }
}
