//! The entry point: a session bound to a master.

use crate::progress::Progress;
use datafusion::error::Result;
use datafusion::prelude::*;
use tokio::sync::watch;

/// Must be the first call in `main`: turns the process into a worker when it was started as one (and then never
/// returns), otherwise does nothing.
pub fn init() {}

/// A session bound to a master. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Context {
    session: SessionContext,
    progress: watch::Receiver<Progress>,
}

/// Collects the settings of a [`Context`].
#[derive(Default)]
pub struct ContextBuilder {
    master: Option<String>,
    conf: Vec<(String, String)>,
}

impl ContextBuilder {
    /// `local[N]`, `local[*]`, `process[N]`.
    pub fn master(mut self, master: impl Into<String>) -> Self {
        self.master = Some(master.into());
        self
    }
    /// Sets one option, see `docs/config.md`; `datafusion.*` keys reach DataFusion's own options.
    pub fn conf(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.conf.push((key.into(), value.into()));
        self
    }
    /// Starts the context. Errors: an unknown master or option, a worker that cannot be started.
    pub fn build(self) -> Result<Context> {
        let (_, progress) = watch::channel(Progress::default());
        Ok(Context { session: SessionContext::new().enable_url_table(), progress })
    }
}

impl Context {
    /// Starts to collect settings.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }
    /// One SQL statement as a lazy DataFrame; DDL takes effect at once.
    pub async fn sql(&self, sql: &str) -> Result<DataFrame> {
        self.session.sql(sql).await
    }
    /// DataFusion's session underneath: catalogs, functions, options.
    pub fn session(&self) -> &SessionContext {
        &self.session
    }
    /// Follows the running jobs.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
    /// Cancels every running job of this context; their streams end with an error.
    pub fn cancel_all(&self) {}
    /// Ends the context: cancels jobs, stops workers and waits for them, removes files. Dropping the last clone does the same.
    pub async fn stop(&self) {}
}
