//! `drover link <name>`: from no session to one that can send, with a QR code (or a pairing code) on the way.
//!
//! Asks the daemon twice a second how the session stands; what is shown follows from that alone, so that a link that is
//! begun in one terminal can be finished in another.

mod progress;
mod screen;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::{client::Client, error::CliError, output::say};
use crate::{
    clock::{Clock, SystemClock},
    model::{PhoneNumber, SessionName},
};
use progress::{Code, Frame, Session, Step};
use screen::Screen;

/// How often the daemon is asked.
const PULSE: Duration = Duration::from_millis(500);
/// How long a pairing code is shown before a new one is asked for; WhatsApp takes one for some minutes.
const CODE_LIFE_MS: i64 = 150_000;
/// How long a session that was just started may still look stopped.
const START_GRACE_MS: i64 = 5_000;

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover link shop                                shows a QR to scan: Settings > Linked devices > Link a device
  drover link shop --code 15551234567             shows a code to type on the phone with this number";

/// Which phone, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The session's name; it is made if it is not there.
    name: SessionName,
    /// Link by a code to type on the phone with this number, instead of a QR code.
    #[arg(long, value_name = "PHONE")]
    code: Option<PhoneNumber>,
    /// The terminal's background is light: matters only where no colours are used (NO_COLOR, or not a terminal).
    #[arg(long)]
    light: bool,
    /// A line of your own beneath the code.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Links a phone. Ends well when the session can send.
pub(super) async fn link(client: &Client, args: &Args) -> Result<(), CliError> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut screen = Screen::open(args.light)?;
    let linked = tokio::select! {
        linked = follow(client, args, &mut screen) => linked,
        _ = interrupt.recv() => Err(interrupted()),
        _ = terminate.recv() => Err(interrupted()),
    };
    screen.close()?;
    say(&linked?)?;
    Ok(())
}

fn interrupted() -> CliError {
    CliError::Interrupted("; the session goes on as it is, and the same command takes the link up again")
}

async fn follow(client: &Client, args: &Args, screen: &mut Screen) -> Result<String, CliError> {
    let path = format!("/api/sessions/{}", args.name);
    let session = prepare(client, args, &path).await?;
    let began_ms = SystemClock.now_ms();
    let mut step = progress::step(&session, true);
    let mut code = None;
    loop {
        match step {
            Step::Linked(line) => return Ok(line),
            Step::Over(why) => return Err(CliError::NotLinked(why)),
            Step::Wait(line) => screen.show(&Frame::text(&args.name, line))?,
            Step::Scan => {
                code = current_code(client, args, code).await?;
                let now_ms = SystemClock.now_ms();
                let mut frame = Frame::code(&args.name, client.base(), code.as_ref(), now_ms);
                frame.lines.extend(args.note.clone());
                screen.show(&frame)?;
            }
        }
        tokio::time::sleep(PULSE).await;
        let session: Session = client.get(&path).await?;
        step = progress::step(&session, SystemClock.now_ms() - began_ms < START_GRACE_MS);
    }
}

/// The session, made and started where needed.
async fn prepare(client: &Client, args: &Args, path: &str) -> Result<Session, CliError> {
    match client.get::<Session>(path).await {
        Ok(session) if session.rests() => client.post(&format!("{path}/start"), &json!({})).await,
        Err(error) if error.is_not_found() => {
            client.post("/api/sessions", &json!({ "name": args.name, "start": true })).await
        }
        answer => answer,
    }
}

/// What is to be scanned or typed now; None when the session went on between two questions.
async fn current_code(client: &Client, args: &Args, shown: Option<Code>) -> Result<Option<Code>, CliError> {
    let answer = match (&args.code, shown) {
        (Some(_), Some(shown)) if shown.lives(SystemClock.now_ms()) => return Ok(Some(shown)),
        (Some(phone), _) => {
            let body = json!({ "phoneNumber": phone });
            let answer = client.post::<Value>(&format!("/api/{}/auth/request-code", args.name), &body).await;
            answer.map(|answer| Code::typed(&answer, SystemClock.now_ms() + CODE_LIFE_MS))
        }
        (None, _) => {
            let answer = client.get::<Value>(&format!("/api/{}/auth/qr?format=raw", args.name)).await;
            answer.map(|answer| Code::scanned(&answer))
        }
    };
    match answer {
        Ok(Some(code)) => Ok(Some(code)),
        Ok(None) => {
            let cause = "its QR code cannot be read".to_owned();
            Err(CliError::NoDrover { url: client.shown(), cause })
        }
        Err(error) if error.is_wrong_state() => Ok(None),
        Err(error) => Err(error),
    }
}
