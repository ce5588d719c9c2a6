//! Lua functions that Redis keeps made (`FUNCTION LOAD`, since Redis 7), so that a call need not make them again; where it keeps
//! none, because it is older or does not allow it, the same source runs as a script.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use ::redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, Script, ServerErrorKind, ToRedisArgs, cmd};
use tokio::sync::Mutex;

use super::endpoint::Commands;

/// What `FUNCTION LOAD` takes. Its name and those of its functions are Redis-wide: they must tell one version from another.
#[derive(Debug)]
pub struct Library {
    text: String,
}

impl Library {
    /// A library by its text, `#!lua name=...` first.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { text }
    }
}

/// A function of a library.
#[derive(Debug)]
pub struct Function {
    name: String,
    library: Arc<Library>,
    script: Script,
}

impl Function {
    /// A function by its name, with the script that does the same.
    #[must_use]
    pub fn new(name: String, library: Arc<Library>, script: &str) -> Self {
        Self { name, library, script: Script::new(script) }
    }

    fn call_with(&self, keys: &[String], arguments: &[impl ToRedisArgs]) -> Cmd {
        let mut call = cmd("FCALL");
        call.arg(&self.name).arg(keys.len()).arg(keys);
        for argument in arguments {
            call.arg(argument);
        }
        call
    }
}

/// What is known of a server's functions, as long as the link to it lives. All that are called over it are of one library.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// A call succeeded, so that one that fails does not for want of functions.
    works: AtomicBool,
    /// The server takes no functions in.
    has_none: AtomicBool,
    /// How often the library was loaded: whoever missed it asks for that once, not each.
    loads: AtomicU64,
    loading: Mutex<()>,
}

impl Functions {
    /// Calls a function, loading its library where the server does not know it.
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        commands: &mut Commands,
        function: &Function,
        keys: &[String],
        arguments: &[impl ToRedisArgs],
    ) -> RedisResult<T> {
        if !self.has_none.load(Ordering::Relaxed) {
            let loads = self.loads.load(Ordering::Acquire);
            let call = function.call_with(keys, arguments);
            match call.query_async(commands).await {
                Err(error) if self.may_be_missing(&error) => {}
                Ok(answer) => {
                    self.works.store(true, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => return Err(error),
            }
            if self.load(commands, &function.library, loads).await? {
                return call.query_async(commands).await;
            }
        }
        invoke(commands, &function.script, keys, arguments).await
    }

    /// Whether the call failed because the server lacks the function, or all functions. What an unknown server answers then is
    /// its own affair: so with the first call any refusal may mean that.
    fn may_be_missing(&self, error: &::redis::RedisError) -> bool {
        let is_unknown = error.detail().is_some_and(|detail| detail.contains("Function not found"));
        is_unknown || (!self.works.load(Ordering::Relaxed) && is_refusal(error))
    }

    /// Loads the library, unless somebody did since `loads` was read; false when the server takes none in.
    async fn load(&self, commands: &mut Commands, library: &Library, loads: u64) -> RedisResult<bool> {
        let _turn = self.loading.lock().await;
        if self.has_none.load(Ordering::Relaxed) {
            return Ok(false);
        }
        if self.loads.load(Ordering::Acquire) != loads {
            return Ok(true);
        }
        // Of a cluster, every primary takes it in. A node that has it already is none the worse.
        let mut load = cmd("FUNCTION");
        load.arg("LOAD").arg("REPLACE").arg(&library.text);
        match load.query_async::<::redis::Value>(commands).await {
            Ok(_) => {
                self.loads.fetch_add(1, Ordering::Release);
                Ok(true)
            }
            Err(error) if is_refusal(&error) => {
                tracing::info!(reason = %error, "this Redis takes no functions in; the queue's scripts cost more of its time");
                self.has_none.store(true, Ordering::Relaxed);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Runs a script by its hash, loading it where the server does not know it.
pub(super) async fn invoke<T: FromRedisValue>(
    commands: &mut Commands,
    script: &Script,
    keys: &[String],
    arguments: &[impl ToRedisArgs],
) -> RedisResult<T> {
    let mut invocation = script.prepare_invoke();
    for key in keys {
        invocation.key(key);
    }
    for argument in arguments {
        invocation.arg(argument);
    }
    invocation.invoke_async(commands).await
}

/// Whether the server is well and will not do it: it does not know the command, or does not allow it.
fn is_refusal(error: &::redis::RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError) || error.code() == Some("NOPERM")
}
