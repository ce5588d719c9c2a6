//! What drover talks about: ids, chats, messages, sessions, QR codes and events. Data only, no I/O; everybody may use it,
//! and it uses nobody.

pub mod alert;
pub mod chat;
pub mod content;
pub mod event;
pub mod health;
pub mod ids;
pub mod message;
pub mod pause;
pub mod qr;
pub mod session;
pub mod session_options;
pub mod sleep;
pub mod wrong_input;

pub use alert::{Alert, Language, Severity};
pub use chat::{ChatId, InvalidChatId, PhoneNumber};
pub use content::Content;
pub use event::{Event, EventKind, NewEvent};
pub use health::{Degradation, KeptScreenshot, Latency, SessionHealth};
pub use ids::{InvalidId, MessageId, MessageKey, SessionName};
pub use message::{Ack, Attempt, AttemptOutcome, DeadCode, MessageState, OutboundMessage, Priority};
pub use pause::PauseCause;
pub use qr::Qr;
pub use session::{Desired, Me, Reason, SessionRecord, SessionState, SessionView, WireStatus};
pub use session_options::SessionOptions;
pub use sleep::{SleepView, WakeCause};
pub use wrong_input::without_value;
