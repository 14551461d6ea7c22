//! The shell itself: runs scripts statement by statement, writes results, reports errors.

use crate::console::{self, say};
use crate::errors;
use crate::format::{Format, Layout, RowWriter, writer};
use crate::interrupt::Interrupts;
use crate::progress::ProgressLine;
use crate::query::{Event, Query};
use crate::settings::{Expanded, Settings};
use crate::sink::Sink;
use crate::stop::{Stop, is_closed_pipe};
use arrow::array::{Array, UInt64Array};
use arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use dpark::sql::{Gives, Parsed, ParserSettings, Script};
use dpark::{Context, EngineEvent};
use std::time::{Duration, Instant};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// How often the progress line is redrawn.
const REDRAWN: Duration = Duration::from_millis(100);

/// A context, the settings, and where results go.
pub(crate) struct Shell {
    /// The engine.
    pub(crate) ctx: Context,
    /// What can be set.
    pub(crate) settings: Settings,
    /// Where results go.
    pub(crate) sink: Sink,
    interrupts: Interrupts,
    interactive: bool,
}

/// What was written of one result.
#[derive(Default)]
struct Written {
    rows: u64,
    /// The rest was not asked for.
    capped: bool,
    count: Option<u64>,
    omitted: Option<String>,
}

/// Why a statement gave no result.
enum Failure {
    Error(DataFusionError),
    Stop(Stop),
}

impl<E: Into<DataFusionError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Error(error.into())
    }
}

impl Shell {
    /// A shell over a context.
    pub(crate) fn new(ctx: Context, settings: Settings, sink: Sink, interrupts: Interrupts, interactive: bool) -> Self {
        Shell { ctx, settings, sink, interrupts, interactive }
    }

    /// A Ctrl-C that came before a line was entered is not meant for its query.
    pub(crate) fn forget_interrupts(&mut self) {
        self.interrupts.forget();
    }

    /// Runs the statements of a text in order. `name` stands before the line numbers of errors.
    pub(crate) async fn run_script(&mut self, name: &str, text: &str) -> std::result::Result<(), Stop> {
        let mut script = Script::with_settings(text, ParserSettings::of(&self.ctx));
        let mut failed = false;
        while let Some(next) = script.next() {
            let outcome = match next {
                Ok(parsed) => self.run_statement(name, text, &parsed).await,
                Err(error) => {
                    say(error.render(name));
                    Err(Stop::Failed)
                }
            };
            match outcome {
                Ok(()) => {}
                Err(Stop::Failed) if self.settings.keep_going => failed = true,
                Err(stop) => return Err(stop),
            }
            script.change_settings(ParserSettings::of(&self.ctx));
        }
        if failed { Err(Stop::Failed) } else { Ok(()) }
    }

    async fn run_statement(&mut self, name: &str, text: &str, parsed: &Parsed) -> std::result::Result<(), Stop> {
        let started = Instant::now();
        let began = self.sink.begin();
        let outcome = match began {
            Ok(()) => self.write_result(parsed).await,
            Err(error) => Err(error.into()),
        };
        let ended = self.sink.end(outcome.is_ok());
        let outcome = outcome.and_then(|written| ended.map(|()| written).map_err(Failure::from));
        match outcome {
            Ok(written) => {
                let framed = self.framed() && !parsed.statement.is_explain();
                self.report(&parsed.statement.gives(), &written, started.elapsed(), framed)
            }
            Err(Failure::Stop(stop)) => Err(stop),
            // The user closed the pager: not the end of the session.
            Err(Failure::Error(error)) if is_closed_pipe(&error) && self.interactive => Ok(()),
            Err(Failure::Error(error)) if is_closed_pipe(&error) => Err(Stop::Closed),
            Err(Failure::Error(error)) => {
                say(errors::of_statement(&error, text, parsed).render(name));
                Err(Stop::Failed)
            }
        }
    }

    /// Runs a statement to its end, writing rows as they come.
    async fn write_result(&mut self, parsed: &Parsed) -> std::result::Result<Written, Failure> {
        let gives = parsed.statement.gives();
        let mut progress = ProgressLine::start(!self.settings.quiet);
        let mut query = Query::start(&self.ctx, parsed.statement.clone());
        let mut ticks = tokio::time::interval(REDRAWN);
        let follow = self.ctx.progress();
        let mut events = self.ctx.events();
        let mut rows: Option<Box<dyn RowWriter>> = None;
        let mut written = Written::default();
        let cap = self.cap();
        loop {
            let event = tokio::select! {
                biased;
                stop = self.interrupts.next() => {
                    progress.end();
                    return Err(Failure::Stop(self.cancel(query, stop).await));
                }
                event = query.next() => event,
                reason = waiting(&mut events), if !self.settings.quiet => {
                    progress.clear();
                    say(format!("waiting: {reason}"));
                    continue;
                }
                _ = ticks.tick(), if progress.enabled() => {
                    progress.draw(&follow.borrow());
                    continue;
                }
            };
            let step = match event {
                None => break,
                Some(Event::Columns(schema)) if gives == Gives::Rows => {
                    let layout = self.layout(parsed.statement.is_explain());
                    writer(&schema, &layout).map(|writer| rows = Some(writer))
                }
                Some(Event::Columns(_)) => Ok(()),
                Some(Event::Rows(batch)) => match &mut rows {
                    Some(rows) => {
                        if self.sink.on_screen() {
                            progress.end();
                        } else {
                            progress.clear();
                        }
                        let left = cap.map_or(usize::MAX, |cap| cap.saturating_sub(written.rows as usize));
                        written.capped = batch.num_rows() > left;
                        let batch = if written.capped { batch.slice(0, left) } else { batch };
                        written.rows += batch.num_rows() as u64;
                        rows.batch(&mut self.sink, &batch).and_then(|()| Ok(std::io::Write::flush(&mut self.sink)?))
                    }
                    None => {
                        written.count = count(&batch).or(written.count);
                        Ok(())
                    }
                },
            };
            if let Err(error) = step {
                progress.end();
                query.cancel(&self.ctx).await;
                return Err(error.into());
            }
            if written.capped {
                break;
            }
        }
        progress.end();
        if written.capped {
            query.cancel(&self.ctx).await;
        } else {
            query.outcome().await?;
        }
        if let Some(mut rows) = rows {
            rows.finish(&mut self.sink)?;
            written.omitted = rows.omitted();
        }
        Ok(written)
    }

    /// Cancels the query; a second Ctrl-C does not wait for it and ends the shell.
    async fn cancel(&mut self, query: Query, stop: Stop) -> Stop {
        let ctx = self.ctx.clone();
        tokio::select! {
            () = query.cancel(&ctx) => {
                if stop == Stop::Interrupted && self.interactive {
                    say("Cancelled");
                    return Stop::Failed;
                }
                stop
            }
            _ = self.interrupts.next() => Stop::Interrupted,
        }
    }

    /// Rows to show at most: only tables at the prompt are capped, and not when a pager takes them.
    fn cap(&self) -> Option<usize> {
        let shown = matches!(self.sink, Sink::Stdout(_)) && matches!(self.settings.format, Format::Table);
        (self.interactive && shown && self.settings.max_rows > 0).then_some(self.settings.max_rows)
    }

    /// The layout of the next result.
    pub(crate) fn layout(&self, plan: bool) -> Layout {
        let expanded = self.settings.expanded;
        let format = match self.settings.format {
            Format::Table if expanded == Expanded::On => Format::Vertical,
            format => format,
        };
        let on_screen = self.interactive && self.sink.on_screen();
        Layout {
            format,
            header: self.settings.header,
            width: if on_screen { console::terminal_size().map(|(columns, _)| columns) } else { None },
            vertical_if_wide: expanded == Expanded::Auto,
            plan,
            values: self.ctx.session().copied_config().options().format.clone(),
        }
    }

    fn report(
        &mut self,
        gives: &Gives,
        written: &Written,
        time: Duration,
        framed: bool,
    ) -> std::result::Result<(), Stop> {
        let seconds = format!("{:.3} s", time.as_secs_f64());
        match gives {
            Gives::Nothing(tag) if !self.settings.quiet => say(tag),
            Gives::Count(tag) if !self.settings.quiet => match written.count {
                Some(rows) => say(format_args!("{tag} {rows}")),
                None => say(tag),
            },
            Gives::Rows if self.interactive && self.sink.on_screen() && framed => {
                let mut parts = vec![counted(written, self.settings.max_rows)];
                parts.extend(written.omitted.clone());
                if self.settings.timing {
                    parts.push(seconds);
                }
                return self.footer(&format!("({})\n", parts.join("; ")));
            }
            _ => {}
        }
        if self.settings.timing {
            say(format_args!("Time: {seconds}"));
        }
        Ok(())
    }

    fn framed(&self) -> bool {
        matches!(self.settings.format, Format::Table | Format::Vertical)
    }

    /// Writes a line of our own among the results at the prompt.
    fn footer(&mut self, text: &str) -> std::result::Result<(), Stop> {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|_| Stop::Closed)
    }

    /// Shows rows that the shell made itself, as `\d` does.
    pub(crate) fn show(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut rows = writer(&batch.schema(), &self.layout(false))?;
        self.sink.begin()?;
        let written = rows.batch(&mut self.sink, batch).and_then(|()| rows.finish(&mut self.sink));
        let ended = self.sink.end(written.is_ok());
        written?;
        Ok(ended?)
    }
}

fn counted(written: &Written, cap: usize) -> String {
    match written.rows {
        _ if written.capped => format!("first {cap} rows, \\set maxrows 0 shows all"),
        1 => "1 row".to_string(),
        n => format!("{n} rows"),
    }
}

/// The number of rows that `COPY` and `INSERT` report.
fn count(batch: &RecordBatch) -> Option<u64> {
    let counts = batch.columns().first()?.as_any().downcast_ref::<UInt64Array>()?;
    (!counts.is_empty()).then(|| counts.value(0))
}

/// The next reason why nothing runs.
async fn waiting(events: &mut broadcast::Receiver<EngineEvent>) -> String {
    loop {
        match events.recv().await {
            Ok(EngineEvent::Waiting { reason }) => return reason,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
