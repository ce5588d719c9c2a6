//! Steps that several tests share.

use std::time::Duration;

use super::{Drover, Phone, qr, wait_until_ok};

/// What starting a browser and loading the page may take, on two cores that other tests use too.
pub const TO_QR: Duration = Duration::from_secs(60);
/// From the scan to WORKING: two syncs and a reconnect.
pub const TO_READY: Duration = Duration::from_secs(60);
/// From handing in to an ack.
pub const TO_ACK: Duration = Duration::from_secs(30);
/// From a stop to STOPPED.
pub const TO_STOP: Duration = Duration::from_secs(20);

/// Waits for a QR's picture.
#[track_caller]
pub fn wait_qr(drover: &Drover<'_>, session: &str) -> Vec<u8> {
    wait_until_ok(&format!("{session} shows a QR"), TO_QR, || {
        let reply = drover.qr(session, "image");
        if reply.status == 200 { Ok(reply.body) } else { Err((reply.text(), drover.session(session))) }
    })
}

/// Waits for a QR and reads it from its picture.
#[track_caller]
pub fn read_qr(drover: &Drover<'_>, session: &str) -> String {
    qr::decode_png(&wait_qr(drover, session))
}

/// As [`link`], and waits until not even kill -9 of the browser takes the login away.
#[track_caller]
pub fn link_for_good(drover: &Drover<'_>, session: &str, phone: &Phone<'_>) {
    link(drover, session, phone);
    drover.home().wait_login_written(session, &phone.number);
}

/// Links a session whose browser is then another one than that which was linked: the one that was is left alone for the three minutes
/// of its history, whatever happens to its page.
#[track_caller]
pub fn keep_login(drover: &Drover<'_>, session: &str, phone: &Phone<'_>) {
    link(drover, session, phone);
    drover.order(session, "stop");
    drover.wait_status(session, "STOPPED", TO_STOP);
    drover.order(session, "start");
    drover.wait_status(session, "WORKING", TO_READY);
}

/// Creates a session and links this phone to it, as an operator does.
#[track_caller]
pub fn link(drover: &Drover<'_>, session: &str, phone: &Phone<'_>) {
    drover.create(session);
    phone.scan(&read_qr(drover, session));
    drover.wait_status(session, "WORKING", TO_READY);
}
