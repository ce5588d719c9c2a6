//! A page: what is around its content, and the parts of it that are kept fresh.
//!
//! The same values and templates draw a page the first time and its parts later; see [`live`](super::live).

use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use minijinja::{Value, context};

use super::{
    Desk, activity, assets, forgery, keys, language::Language, memory, outcome::Refusal, overview, queue, session,
    visitor::Visitor, webhooks,
};
use crate::{
    api::{
        auth::Action,
        input::{Params, PathSession},
        problem::{Answer, Problem},
    },
    model::SessionName,
};

/// What every page has around its content.
pub(super) struct Frame {
    language: Language,
    now_ms: i64,
    visitor: Option<Value>,
}

impl Frame {
    /// For somebody of whom nothing is known.
    pub(super) fn bare(language: Language, now_ms: i64) -> Self {
        Self { language, now_ms, visitor: None }
    }

    pub(super) fn values(self) -> Value {
        // Letters, digits and slashes: nothing to escape.
        let [style, script, icon] = assets::addresses().map(Value::from_safe_string);
        let other = Language::ALL.into_iter().find(|language| *language != self.language);
        context! {
            lang => self.language.tag(),
            other_lang => other.map(Language::tag),
            now_ms => self.now_ms,
            style, script, icon,
            version => env!("CARGO_PKG_VERSION"),
            visitor => self.visitor,
        }
    }
}

/// What a page is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum View {
    /// All sessions.
    Overview(overview::Query),
    /// One.
    Session(SessionName),
    /// What waits to be sent.
    Queue,
    /// Who holds how much memory.
    Memory,
    /// What happens.
    Activity(activity::Query),
    /// Where events go.
    Webhooks,
    /// Who may ask.
    Keys,
}

/// A page's values, and its parts.
pub(super) struct Drawn {
    pub(super) values: Value,
    pub(super) parts: Vec<Part>,
}

/// A part of a page that is kept fresh.
pub(super) enum Part {
    /// An element, by the id that its template gives it.
    Whole { id: &'static str, template: &'static str },
    /// The children of an element, each by its own id; the template sees each as `item`.
    List { id: &'static str, template: &'static str, items: Vec<(String, Value)> },
}

impl View {
    /// The template of the whole page, and the part of the navigation that it belongs to.
    fn template(&self) -> (&'static str, &'static str) {
        match self {
            Self::Overview(_) => ("overview.html", "sessions"),
            Self::Session(_) => ("session.html", "sessions"),
            Self::Queue => ("queue.html", "queue"),
            Self::Memory => ("memory.html", "memory"),
            Self::Activity(_) => ("activity.html", "activity"),
            Self::Webhooks => ("webhooks.html", "webhooks"),
            Self::Keys => ("keys.html", "keys"),
        }
    }

    /// The query by which [`Self::of_query`] finds it again.
    fn query(&self) -> String {
        match self {
            Self::Overview(query) => format!("view=overview{}", query.as_query()),
            Self::Session(name) => format!("view=session&session={name}"),
            Self::Queue => "view=queue".to_owned(),
            Self::Memory => "view=memory".to_owned(),
            Self::Activity(query) => format!("view=activity{}", query.as_query()),
            Self::Webhooks => "view=webhooks".to_owned(),
            Self::Keys => "view=keys".to_owned(),
        }
    }

    /// What a stream's query is about.
    pub(super) fn of_query(params: &Params) -> Answer<Self> {
        Ok(match params.text("view") {
            Some("overview") => Self::Overview(overview::Query::of(params)?),
            Some("session") => Self::Session(params.required("session")?),
            Some("queue") => Self::Queue,
            Some("memory") => Self::Memory,
            Some("activity") => Self::Activity(activity::Query::of(params)?),
            Some("webhooks") => Self::Webhooks,
            Some("keys") => Self::Keys,
            _ => return Err(Problem::wrong_field("view", "there is no such page")),
        })
    }

    /// Reads what it shows, as far as the visitor may see it.
    pub(super) async fn read(&self, desk: &Desk, visitor: &Visitor) -> Answer<Drawn> {
        match self {
            Self::Overview(query) => overview::read(desk, visitor, query).await,
            Self::Session(name) => session::read(desk, visitor, name).await,
            Self::Queue => queue::read(desk, visitor).await,
            Self::Memory => memory::read(desk, visitor).await,
            Self::Activity(query) => activity::read(desk, visitor, query).await,
            Self::Webhooks => webhooks::read(desk, visitor).await,
            Self::Keys => keys::read(desk, visitor).await,
        }
    }

    async fn page(self, desk: Desk, visitor: Visitor) -> Result<Response, Refusal> {
        let drawn = self.read(&desk, &visitor).await?;
        let (template, nav) = self.template();
        let visitor_values = context! {
            key => visitor.principal().key_id(),
            is_admin => visitor.signed_in.is_admin,
            sees_all => visitor.may_on_all(Action::Read),
        };
        let frame = Frame { visitor: Some(visitor_values), ..Frame::bare(visitor.language, desk.now_ms()) };
        let values = context! {
            nav,
            live => format!("/dashboard/events?{}", self.query()),
            csrf => forgery::token(&visitor.signed_in.forms),
            ..context! { ..drawn.values, ..frame.values() }
        };
        Ok(Html(desk.templates().draw(template, &values).map_err(Problem::internal)?).into_response())
    }
}

type Shown = Result<Response, Refusal>;

/// `GET /dashboard`
pub(super) async fn overview(State(desk): State<Desk>, visitor: Visitor, params: Params) -> Shown {
    View::Overview(overview::Query::of(&params)?).page(desk, visitor).await
}

/// `GET /dashboard/sessions/{session}`
pub(super) async fn session(State(desk): State<Desk>, visitor: Visitor, PathSession(name): PathSession) -> Shown {
    View::Session(name).page(desk, visitor).await
}

/// `GET /dashboard/queue`
pub(super) async fn queue(State(desk): State<Desk>, visitor: Visitor) -> Shown {
    View::Queue.page(desk, visitor).await
}

/// `GET /dashboard/memory`
pub(super) async fn memory(State(desk): State<Desk>, visitor: Visitor) -> Shown {
    View::Memory.page(desk, visitor).await
}

/// `GET /dashboard/activity`
pub(super) async fn activity(State(desk): State<Desk>, visitor: Visitor, params: Params) -> Shown {
    View::Activity(activity::Query::of(&params)?).page(desk, visitor).await
}

/// `GET /dashboard/webhooks`
pub(super) async fn webhooks(State(desk): State<Desk>, visitor: Visitor) -> Shown {
    View::Webhooks.page(desk, visitor).await
}

/// `GET /dashboard/keys`
pub(super) async fn keys(State(desk): State<Desk>, visitor: Visitor) -> Shown {
    View::Keys.page(desk, visitor).await
}
