//! Why a queue is paused.

/// Why a queue is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseCause {
    /// A person asked for it.
    Operator,
    /// WhatsApp restricts the account.
    WhatsappRestricted,
}

impl PauseCause {
    /// The name in Redis, in the database, in events and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::WhatsappRestricted => "whatsapp_restricted",
        }
    }

    /// The cause of this name; of another, the operator's, since whatever pauses holds. None for an empty one.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        match name {
            "" => None,
            "whatsapp_restricted" => Some(Self::WhatsappRestricted),
            _ => Some(Self::Operator),
        }
    }
}
