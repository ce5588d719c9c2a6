//! A real mail server (aiosmtpd) on a free port, and the mails that it took, parsed.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use mail_parser::MessageParser;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{log::Log, servers::free_port, wait_until, wait_until_ok};

const START: Duration = Duration::from_secs(30);
/// The password that the server takes.
pub const PASSWORD: &str = "pa55:w@rd-of-mail";

/// How connections are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    StartTls,
    Tls,
}

/// A mail server; killed when it is dropped.
pub struct MailServer {
    folder: TempDir,
    port: u16,
    encryption: Encryption,
    child: Option<Child>,
    log: Log,
}

/// A mail that it took.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub id: String,
    pub is_automatic: bool,
    /// Whether it came over TLS, after a login.
    pub is_safe: bool,
}

impl MailServer {
    pub fn start(encryption: Encryption) -> Self {
        let folder = tempfile::Builder::new().prefix("m-").tempdir().expect("the machine has a temporary folder");
        make_certificate(folder.path());
        let log = Log::create(folder.path(), "server.log");
        let mut server = Self { folder, port: free_port(), encryption, child: None, log };
        server.behave(&json!({"password": PASSWORD}));
        server.start_again();
        server
    }

    /// Starts it, or starts it on the same port and folder after [`Self::end`].
    #[track_caller]
    pub fn start_again(&mut self) {
        const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/mail_server.py");
        let mode = if self.encryption == Encryption::Tls { "tls" } else { "starttls" };
        // The distribution's Python, which has the library.
        let mut child = Command::new("/usr/bin/python3")
            .arg(SCRIPT)
            .arg(self.port.to_string())
            .arg(self.folder.path())
            .arg(mode)
            .stdin(Stdio::null())
            .stdout(self.log.stdio())
            .stderr(self.log.stdio())
            .spawn()
            .expect("python3 is installed: tools/install.sh test");
        let before = self.log.text().matches("ready").count();
        wait_until("the mail server takes connections", START, || {
            assert!(
                child.try_wait().expect("our child").is_none(),
                "it ended (tools/install.sh test):\n{}",
                self.log.text()
            );
            (self.log.text().matches("ready").count() > before).then_some(())
        });
        self.child = Some(child);
    }

    /// Ends it: nobody listens on its port then.
    pub fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it is our child");
            child.wait().expect("it is our child");
        }
    }

    /// How it answers from now on.
    pub fn behave(&self, behaviour: &Value) {
        let part = self.folder.path().join("behaviour.part");
        fs::write(&part, behaviour.to_string()).expect("written");
        fs::rename(part, self.folder.path().join("behaviour.json")).expect("renamed");
    }

    /// For `SMTP_URL`.
    pub fn url(&self, password: &str) -> String {
        let scheme = if self.encryption == Encryption::Tls { "smtps" } else { "smtp" };
        let password = password.replace(':', "%3A").replace('@', "%40");
        format!("{scheme}://drover:{password}@localhost:{}", self.port)
    }

    /// For `smtp.ca_file`.
    pub fn ca_file(&self) -> String {
        self.folder.path().join("cert.pem").display().to_string()
    }

    /// What it took so far, in that order.
    pub fn mails(&self) -> Vec<Mail> {
        let mut names: Vec<_> = fs::read_dir(self.folder.path())
            .expect("our folder")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        names.sort();
        names.iter().map(|path| read(path)).collect()
    }

    /// Waits until it took so many.
    #[track_caller]
    pub fn wait_mails(&self, count: usize, limit: Duration) -> Vec<Mail> {
        wait_until_ok(&format!("{count} mails came"), limit, || {
            let mails = self.mails();
            let subjects: Vec<_> = mails.iter().map(|mail| mail.subject.clone()).collect();
            if mails.len() >= count { Ok(mails) } else { Err(subjects) }
        })
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            self.log.print_tail("the mail server");
        }
    }
}

fn read(path: &Path) -> Mail {
    let raw = fs::read(path).expect("a mail");
    let facts: Value =
        serde_json::from_slice(&fs::read(path.with_extension("json")).expect("its facts")).expect("JSON");
    let message = MessageParser::default().parse(&raw).expect("a mail that can be parsed");
    Mail {
        to: facts["to"].as_array().expect("a list").iter().filter_map(|to| to.as_str().map(str::to_owned)).collect(),
        subject: message.subject().expect("a subject").to_owned(),
        text: message.body_text(0).expect("a text").into_owned(),
        html: message.body_html(0).expect("an HTML body").into_owned(),
        id: message.message_id().expect("an id").to_owned(),
        is_automatic: message.header("Auto-Submitted").is_some(),
        is_safe: facts["tls"] == true && facts["login"] == true,
    }
}

/// One that is its own authority.
fn make_certificate(folder: &Path) {
    let done = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("cert.pem"))
        .output()
        .expect("openssl is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
