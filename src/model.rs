//! What drover talks about: ids, chats, messages, sessions, QR codes and events. Data only, no I/O; everybody may use it,
//! and it uses nobody.

pub mod alert;
pub mod chat;
pub mod event;
pub mod health;
pub mod ids;
pub mod message;
pub mod pause;
pub mod qr;
pub mod session;

pub use alert::{Alert, Severity};
pub use chat::{ChatId, InvalidChatId, PhoneNumber};
pub use event::{Event, EventKind, NewEvent};
pub use health::{Degradation, KeptScreenshot, Latency, SessionHealth};
pub use ids::{InvalidId, MessageId, MessageKey, SessionName};
pub use message::{Ack, Attempt, AttemptOutcome, Content, DeadCode, MessageState, OutboundMessage, Priority};
pub use pause::PauseCause;
pub use qr::Qr;
pub use session::{Desired, Me, Reason, SessionRecord, SessionState, SessionView, WireStatus};
