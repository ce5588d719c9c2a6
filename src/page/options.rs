//! How one session's browser differs from the others: read from its `config`, where WAHA has a word for it under WAHA's name
//! (`proxy`, `client`), else under `config.browser`. It takes effect at the browser's next start.

use std::fmt;

use serde_json::{Map, Value};

/// What a session's browser is started with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageOptions {
    /// Through which proxy everything goes; None: directly.
    pub proxy: Option<Proxy>,
    /// What the browser says that it is; None: a Chrome of its own version on Linux.
    pub user_agent: Option<String>,
    /// A BCP 47 tag such as `es-AR`; None: the browser's own.
    pub locale: Option<String>,
    /// What the phone lists under Linked devices.
    pub device: DeviceName,
    /// More arguments for the browser, from the allow-list.
    pub arguments: Vec<String>,
}

/// What the phone lists under Linked devices: WhatsApp Web takes both from `WAWebMiscBrowserUtils.info()` when it links.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceName {
    /// Stands in the operating system's place.
    pub os: Option<String>,
    /// Stands in the browser's place.
    pub browser: Option<String>,
}

/// A proxy, with what it asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// `scheme://host:port`, without credentials.
    pub server: String,
    /// User and password.
    pub credentials: Option<(String, String)>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = self.credentials.as_ref().map(|(user, _)| (user, "***"));
        formatter.debug_struct("Proxy").field("server", &self.server).field("credentials", &credentials).finish()
    }
}

/// A part of a `config` that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct WrongOption {
    /// Such as `config.proxy.server`.
    pub field: &'static str,
    /// What it must be.
    pub message: String,
}

/// Arguments that an admin may add, by name. Nothing here gives a page more than it has, or another data folder, or another port.
pub const ALLOWED_ARGUMENTS: [&str; 12] = [
    "--proxy-server",
    "--proxy-bypass-list",
    "--lang",
    "--window-size",
    "--disable-gpu",
    "--disk-cache-size",
    "--media-cache-size",
    "--force-device-scale-factor",
    "--enable-logging",
    "--v",
    "--vmodule",
    "--no-sandbox",
];

/// The first argument that is not on the list.
#[must_use]
pub fn forbidden_argument(arguments: &[String]) -> Option<&String> {
    arguments.iter().find(|argument| !ALLOWED_ARGUMENTS.contains(&argument.split('=').next().unwrap_or_default()))
}

const SCHEMES: [&str; 4] = ["http", "https", "socks4", "socks5"];
const LONGEST_NAME: usize = 50;
const LONGEST_AGENT: usize = 512;

impl PageOptions {
    /// What a session's `config` says; what drover does not know in it is somebody else's.
    ///
    /// # Errors
    /// With the first field that is wrong.
    pub fn of(config: &Value) -> Result<Self, WrongOption> {
        let client = Section::of(config, "client", "config.client")?;
        let browser = Section::of(config, "browser", "config.browser")?;
        browser.only(&["userAgent", "locale", "args"])?;
        let arguments = browser.list("args", "config.browser.args")?;
        if let Some(argument) = forbidden_argument(&arguments) {
            let message = format!("'{argument}' is not allowed; allowed are {}", ALLOWED_ARGUMENTS.join(", "));
            return Err(WrongOption { field: "config.browser.args", message });
        }
        Ok(Self {
            proxy: proxy(config)?,
            user_agent: browser.line("userAgent", "config.browser.userAgent", LONGEST_AGENT)?,
            locale: locale(&browser)?,
            device: DeviceName {
                os: client.line("deviceName", "config.client.deviceName", LONGEST_NAME)?,
                browser: client.line("browserName", "config.client.browserName", LONGEST_NAME)?,
            },
            arguments,
        })
    }
}

/// An object in a `config`.
struct Section<'a> {
    values: Option<&'a Map<String, Value>>,
    field: &'static str,
}

fn wrong<T>(field: &'static str, message: impl Into<String>) -> Result<T, WrongOption> {
    Err(WrongOption { field, message: message.into() })
}

impl<'a> Section<'a> {
    fn of(config: &'a Value, name: &str, field: &'static str) -> Result<Self, WrongOption> {
        match config.get(name) {
            None | Some(Value::Null) => Ok(Self { values: None, field }),
            Some(Value::Object(values)) => Ok(Self { values: Some(values), field }),
            Some(_) => wrong(field, "this must be an object"),
        }
    }

    /// In a section of ours, what we do not know is a mistake.
    fn only(&self, known: &[&str]) -> Result<(), WrongOption> {
        let unknown = self.values.and_then(|values| values.keys().find(|key| !known.contains(&key.as_str())));
        unknown.map_or(Ok(()), |key| wrong(self.field, format!("'{key}' is not known; known are {}", known.join(", "))))
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.values.and_then(|values| values.get(name)).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str, field: &'static str) -> Result<Option<&'a str>, WrongOption> {
        match self.values.and_then(|values| values.get(name)) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty()).map(String::as_str)),
            Some(_) => wrong(field, "this must be a text"),
        }
    }

    /// One line of text that is not too long.
    fn line(&self, name: &str, field: &'static str, longest: usize) -> Result<Option<String>, WrongOption> {
        let text = self.text(name, field)?;
        if text.is_some_and(|text| text.chars().count() > longest || text.chars().any(char::is_control)) {
            return wrong(field, format!("this must be one line of {longest} characters at most"));
        }
        Ok(text.map(str::to_owned))
    }

    fn list(&self, name: &str, field: &'static str) -> Result<Vec<String>, WrongOption> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let texts = value.as_array().and_then(|all| all.iter().map(|text| text.as_str().map(str::to_owned)).collect());
        texts.map_or_else(|| wrong(field, "this must be a list of texts"), Ok)
    }
}

fn locale(browser: &Section<'_>) -> Result<Option<String>, WrongOption> {
    const FIELD: &str = "config.browser.locale";
    let Some(tag) = browser.text("locale", FIELD)? else { return Ok(None) };
    let is_part = |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut parts = tag.split('-');
    let is_language = |part: &str| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    if parts.next().is_some_and(is_language) && parts.all(is_part) {
        return Ok(Some(tag.to_owned()));
    }
    wrong(FIELD, "this must be a language tag such as es or es-AR")
}

fn proxy(config: &Value) -> Result<Option<Proxy>, WrongOption> {
    const SERVER: &str = "config.proxy.server";
    let section = Section::of(config, "proxy", "config.proxy")?;
    if section.values.is_none() {
        return Ok(None);
    }
    section.only(&["server", "username", "password"])?;
    let Some(server) = section.text("server", SERVER)? else {
        return wrong(SERVER, "missing: host:port, or scheme://host:port");
    };
    let (scheme, address) = server.split_once("://").unwrap_or(("http", server));
    let address = address.trim_end_matches('/');
    if address.contains('@') {
        return wrong(SERVER, "put the credentials into config.proxy.username and config.proxy.password");
    }
    if !SCHEMES.contains(&scheme) || !is_address(address) {
        return wrong(
            SERVER,
            format!("this must be host:port or scheme://host:port, with a scheme of {}", SCHEMES.join(", ")),
        );
    }
    let user = section.text("username", "config.proxy.username")?;
    let password = section.text("password", "config.proxy.password")?;
    let credentials = match (user, password) {
        (None, None) => None,
        (None, Some(_)) => return wrong("config.proxy.username", "missing beside config.proxy.password"),
        (Some(_), _) if scheme.starts_with("socks") => {
            return wrong("config.proxy.username", "Chromium cannot log in to a SOCKS proxy: use an HTTP one");
        }
        (Some(user), password) => Some((user.to_owned(), password.unwrap_or_default().to_owned())),
    };
    Ok(Some(Proxy { server: format!("{scheme}://{address}"), credentials }))
}

/// `host:port`; the host may be an IPv6 address in brackets. Nothing that would end or extend an argument.
fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte);
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    !host.is_empty()
        && host.bytes().all(is_plain)
        && (is_bracketed || !host.contains([':', '[', ']']))
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(config: Value) -> &'static str {
        PageOptions::of(&config).expect_err("it is wrong").field
    }

    #[test]
    fn what_is_given_is_read() {
        assert_eq!(PageOptions::of(&json!({"webhooks": [], "metadata": {"a": 1}})), Ok(PageOptions::default()));
        let config = json!({
            "proxy": {"server": "proxy.example:3128", "username": "ana", "password": "geheim"},
            "client": {"deviceName": "Shop", "browserName": "Kasse"},
            "browser": {"userAgent": "Mozilla/5.0", "locale": "es-AR", "args": ["--window-size=800,600"]},
        });
        let options = PageOptions::of(&config).expect("all of it is right");
        let proxy = options.proxy.expect("a proxy");
        assert_eq!(proxy.server, "http://proxy.example:3128");
        assert!(!format!("{proxy:?}").contains("geheim"), "{proxy:?}");
        assert_eq!(options.device, DeviceName { os: Some("Shop".to_owned()), browser: Some("Kasse".to_owned()) });
        assert_eq!((options.locale.as_deref(), options.user_agent.as_deref()), (Some("es-AR"), Some("Mozilla/5.0")));
        assert_eq!(options.arguments, ["--window-size=800,600"]);
        let v6 = json!({"proxy": {"server": "socks5://[::1]:1080/"}});
        assert_eq!(PageOptions::of(&v6).unwrap().proxy.unwrap().server, "socks5://[::1]:1080");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (config, field) in [
            (json!({"proxy": "host:1"}), "config.proxy"),
            (json!({"proxy": {}}), "config.proxy.server"),
            (json!({"proxy": {"server": "host"}}), "config.proxy.server"),
            (json!({"proxy": {"server": "ftp://host:1"}}), "config.proxy.server"),
            (json!({"proxy": {"server": "host:1 --no-sandbox"}}), "config.proxy.server"),
            (json!({"proxy": {"server": "a,b:1"}}), "config.proxy.server"),
            (json!({"proxy": {"server": "http://u:p@host:1"}}), "config.proxy.server"),
            (json!({"proxy": {"server": "host:1", "password": "x"}}), "config.proxy.username"),
            (json!({"proxy": {"server": "socks5://host:1", "username": "x"}}), "config.proxy.username"),
            (json!({"proxy": {"server": "host:1", "user": "x"}}), "config.proxy"),
            (json!({"client": []}), "config.client"),
            (json!({"client": {"deviceName": 5}}), "config.client.deviceName"),
            (json!({"client": {"browserName": "x".repeat(51)}}), "config.client.browserName"),
            (json!({"browser": {"useragent": "x"}}), "config.browser"),
            (json!({"browser": {"userAgent": "a\nb"}}), "config.browser.userAgent"),
            (json!({"browser": {"locale": "spanish please"}}), "config.browser.locale"),
            (json!({"browser": {"args": "--lang=es"}}), "config.browser.args"),
            (json!({"browser": {"args": ["--user-data-dir=/"]}}), "config.browser.args"),
        ] {
            assert_eq!(refused(config.clone()), field, "{config}");
        }
    }
}
