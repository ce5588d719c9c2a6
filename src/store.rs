//! The only SQL in the house: one repository a table, over SQLite and PostgreSQL with the same text.
//!
//! Owns the database. A row of `messages` is the truth about a message; Redis only dispatches. Invariants: what a method
//! answered with `Ok` is committed and durable; a settled message never leaves its state by anything but an
//! acknowledgement or [`Messages::revive`]; an attempt is committed together with the state `sending`.

mod acceptance;
mod acceptor;
mod accounts;
mod alert_mails;
mod alerts;
mod api_keys;
mod attempts;
mod audit;
mod database;
mod dead_letters;
mod deliveries;
mod error;
mod events;
mod facts;
mod group;
mod inbound;
mod log;
mod media_files;
mod messages;
mod migrations;
mod numbers;
mod pauses;
mod progress;
mod retention;
mod row;
mod sessions;
mod snapshot;
mod standing;
mod webhooks;

use std::{path::Path, sync::Arc};

pub use acceptance::{Inserted, NewMessage};
pub use accounts::Accounts;
pub use alert_mails::{AlertMails, MailRecord, NewMail};
pub use alerts::{Alerts, Problem, Told, Written};
pub use api_keys::{ApiKeyRecord, ApiKeys};
pub use attempts::{Attempts, Recent};
pub use audit::{Audit, AuditActor, AuditEntry, AuditResult};
pub use dead_letters::DeadLetter;
pub use deliveries::{Deliveries, Delivery, DeliveryProgress, DeliveryState};
pub use error::StoreError;
pub use events::Events;
pub use facts::{DatabaseFacts, facts};
pub use inbound::{Inbound, InboundRecord, NewInbound, TakenIn};
pub use log::{LogWrite, LogWritten};
pub use media_files::{MediaFiles, MediaRecord};
pub use messages::{Due, Messages, Page, Undispatched, Waiting};
pub use migrations::{Migration, migrations};
pub use numbers::{CheckedNumber, Numbers};
pub use pauses::{Paused, Pauses};
pub use retention::{Retention, Swept};
pub use sessions::Sessions;
pub use snapshot::{Engine, SQLITE_FILE, load_postgres_snapshot, require_empty, sqlite_file, take_snapshot};
pub use standing::Standing;
pub use webhooks::{LaneKey, Webhooks};

use acceptor::Acceptor;
use database::Database;

/// The database. Cheap to clone; all clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    acceptor: Arc<Acceptor>,
}

impl Store {
    /// Opens the database, creates it where that is possible (SQLite, file mode 0600), and brings its schema up to date.
    ///
    /// `url` is `sqlite:<path>` (see [`sqlite_url`]) or `postgres://user:password@host/database`.
    ///
    /// # Errors
    /// When the address is no such thing, the database does not answer, or a migration fails. The text says what to do.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let database = Database::open(url).await?;
        let acceptor = Arc::new(Acceptor::start(database.clone()));
        Ok(Self { database, acceptor })
    }

    /// Finishes what is being written and closes every connection.
    pub async fn close(&self) {
        self.acceptor.close().await;
        self.database.close().await;
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.database.ping().await
    }

    /// How many connections the pool has open, and how many of them are idle.
    #[must_use]
    pub fn connections(&self) -> (u64, u64) {
        self.database.connections()
    }

    /// The table `sessions`.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.database.clone())
    }

    /// The table `messages`.
    #[must_use]
    pub fn messages(&self) -> Messages {
        Messages::new(self.database.clone(), Arc::clone(&self.acceptor))
    }

    /// The table `attempts`.
    #[must_use]
    pub fn attempts(&self) -> Attempts {
        Attempts::new(self.database.clone())
    }

    /// The table `accounts`.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts::new(self.database.clone())
    }

    /// The table `pauses`.
    #[must_use]
    pub fn pauses(&self) -> Pauses {
        Pauses::new(self.database.clone())
    }

    /// The table `numbers`.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        Numbers::new(self.database.clone())
    }

    /// The table `events`.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.database.clone())
    }

    /// The tables `alert_problems` and `alert_cursor`.
    #[must_use]
    pub fn alerts(&self) -> Alerts {
        Alerts::new(self.database.clone())
    }

    /// The table `alert_mails`.
    #[must_use]
    pub fn alert_mails(&self) -> AlertMails {
        AlertMails::new(self.database.clone())
    }

    /// The table `webhook_lanes`.
    #[must_use]
    pub fn webhooks(&self) -> Webhooks {
        Webhooks::new(self.database.clone())
    }

    /// The table `webhook_deliveries`.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries {
        Deliveries::new(self.database.clone())
    }

    /// The table `inbound`.
    #[must_use]
    pub fn inbound(&self) -> Inbound {
        Inbound::new(self.database.clone())
    }

    /// The tables `media_files` and `media_holds`.
    #[must_use]
    pub fn media_files(&self) -> MediaFiles {
        MediaFiles::new(self.database.clone())
    }

    /// What is removed from several tables for its age.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention::new(self.database.clone())
    }

    /// The table `audit`.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::new(self.database.clone())
    }

    /// The table `api_keys`.
    #[must_use]
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys::new(self.database.clone())
    }
}

/// The address of a SQLite file, for [`Store::open`].
#[must_use]
pub fn sqlite_url(path: &Path) -> String {
    database::sqlite_url(path)
}
