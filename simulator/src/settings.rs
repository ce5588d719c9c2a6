//! What can be chosen at start: addresses and times. Defaults are those of the real WhatsApp, or quick where it has none.

use std::net::SocketAddr;

use clap::{Args, Parser};

/// A WhatsApp Web to test against, with a phone to hold.
#[derive(Clone, Debug, Parser)]
#[command(name = "drover-simulator", version)]
pub struct Settings {
    /// Where web.whatsapp.com and *.whatsapp.net are served, over TLS; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8443")]
    pub https: SocketAddr,
    /// Where the phones are served, over plain HTTP; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8788")]
    pub http: SocketAddr,
    /// Read the page's files from this folder at each request, instead of those inside the binary.
    #[arg(long)]
    pub(crate) page: Option<std::path::PathBuf>,
    /// Print every `Module.export` that the page defines, one a line, and end.
    #[arg(long)]
    pub surface: bool,
    #[command(flatten)]
    pub(crate) linking: LinkingTimes,
    #[command(flatten)]
    pub(crate) acks: AckTimes,
    #[command(flatten)]
    pub(crate) history: HistorySize,
}

/// How long things take, and may take, while a phone is linked.
#[derive(Clone, Debug, Args)]
pub(crate) struct LinkingTimes {
    /// How long the first ref (QR) is good, in milliseconds.
    #[arg(long, default_value_t = 60_000)]
    pub(crate) first_ref_ms: u64,
    /// How long each of the five refs after it is good, in milliseconds.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) next_ref_ms: u64,
    /// How long a pairing code is good, in milliseconds.
    #[arg(long, default_value_t = 180_000)]
    pub(crate) pairing_code_ms: u64,
    /// How long a page has for each sync after linking before it unlinks itself, in milliseconds.
    #[arg(long, default_value_t = 180_000)]
    pub(crate) sync_limit_ms: u64,
    /// Between a page's first connection as a linked device and its critical sync, in milliseconds.
    #[arg(long, default_value_t = 300)]
    pub(crate) critical_sync_ms: u64,
    /// Between a linked page's connection and the moment it is ready, at the least, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) settle_ms: u64,
    /// Between two chunks of the history sync, in milliseconds.
    #[arg(long, default_value_t = 50)]
    pub(crate) history_chunk_ms: u64,
}

/// When a message's automatic acks are given, counted from its arrival.
#[derive(Clone, Debug, Args)]
pub(crate) struct AckTimes {
    /// Ack 1, the server's, in milliseconds.
    #[arg(long, default_value_t = 60)]
    pub(crate) ack_server_ms: u64,
    /// Ack 2, the other phone's, in milliseconds.
    #[arg(long, default_value_t = 250)]
    pub(crate) ack_device_ms: u64,
    /// Ack 3, the other person's, in milliseconds.
    #[arg(long, default_value_t = 450)]
    pub(crate) ack_read_ms: u64,
}

/// The history that a phone brings when nothing else was said of it (`PUT /phones/{number}`).
#[derive(Clone, Debug, Args)]
pub(crate) struct HistorySize {
    /// Chats in the history of a phone.
    #[arg(long, default_value_t = 0)]
    pub(crate) history_chats: u32,
    /// Messages in the history of a phone, over all its chats.
    #[arg(long, default_value_t = 0)]
    pub(crate) history_messages: u32,
}
