//! From the command line to an exit status.

use crate::cli::{Cli, Source};
use crate::console::say;
use crate::interrupt::Interrupts;
use crate::prompt;
use crate::settings::Settings;
use crate::shell::Shell;
use crate::sink::Sink;
use crate::stop::{Stop, is_closed_pipe};
use datafusion::error::DataFusionError;
use dpark::{Context, Error};
use std::io::{IsTerminal, Read};
use std::process::ExitCode;

/// Planning recurses; deep queries need room.
const STACK: usize = 16 << 20;

/// Runs what the command line asks for.
pub(crate) fn start(cli: Cli, mut sources: Vec<Source>) -> ExitCode {
    log_if_asked();
    let interactive = sources.is_empty() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if sources.is_empty() && !interactive {
        sources.push(Source::Stdin);
    }
    // All scripts are read before anything runs: a missing file is no reason to run half. And before signals are
    // listened for, so that Ctrl-C ends a shell that waits for its standard input.
    let count = sources.len();
    let texts: Vec<(String, String)> = match sources.iter().map(|source| read(source, count)).collect() {
        Ok(texts) => texts,
        Err(stop) => return ExitCode::from(Stop::status(stop)),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(format_args!("cannot start threads: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = match runtime.block_on(open(&cli, interactive)) {
        Ok(mut shell) => {
            let outcome = if interactive {
                prompt::run(&mut shell, &runtime)
            } else {
                runtime.block_on(run_sources(&mut shell, texts))
            };
            let outcome = runtime.block_on(close(shell, outcome));
            runtime.shutdown_background();
            outcome
        }
        Err(stop) => Err(stop),
    };
    ExitCode::from(outcome.err().map_or(0, Stop::status))
}

/// `RUST_LOG=dpark=debug` shows what the engine does, on standard error.
fn log_if_asked() {
    if std::env::var_os("RUST_LOG").is_some_and(|filter| !filter.is_empty()) {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
}

async fn open(cli: &Cli, interactive: bool) -> Result<Shell, Stop> {
    let settings = Settings::from_cli(cli).map_err(wrong_usage)?;
    let sink = match &cli.output {
        Some(path) => Sink::output(path).map_err(|error| {
            say(format_args!("{}: {error}", path.display()));
            Stop::Failed
        })?,
        None => prompt::sink(interactive),
    };
    let interrupts = if interactive { Interrupts::interactive() } else { Interrupts::script() };
    let interrupts = interrupts.map_err(|error| wrong_usage(error.to_string()))?;
    let ctx = context(cli).map_err(|error| match error {
        Error::Master(_)
        | Error::Address(_)
        | Error::Option { .. }
        | Error::UnknownOption { .. }
        | Error::ConfigFile { .. } => wrong_usage(error.to_string()),
        // Before anything runs DataFusion has only its own options to complain of.
        Error::DataFusion(error) => wrong_usage(dpark::sql::message(&error)),
        error => {
            say(error);
            Stop::Failed
        }
    })?;
    Ok(Shell::new(ctx, settings, sink, interrupts, interactive))
}

fn wrong_usage(message: String) -> Stop {
    say(format_args!("error: {message}"));
    Stop::Usage
}

fn context(cli: &Cli) -> Result<Context, Error> {
    let mut builder = Context::builder();
    if let Some(master) = &cli.master {
        builder = builder.master(master);
    }
    for (key, value) in &cli.conf {
        builder = builder.conf(key, value);
    }
    builder.build()
}

async fn run_sources(shell: &mut Shell, texts: Vec<(String, String)>) -> Result<(), Stop> {
    let mut failed = false;
    for (name, text) in texts {
        match shell.run_script(&name, &text).await {
            Ok(()) => {}
            Err(Stop::Failed) if shell.settings.keep_going => failed = true,
            Err(stop) => return Err(stop),
        }
    }
    if failed { Err(Stop::Failed) } else { Ok(()) }
}

/// A script's name in error messages, and its text.
fn read(source: &Source, of: usize) -> Result<(String, String), Stop> {
    let (name, text) = match source {
        Source::Text(_, text) if of == 1 => ("-e".to_string(), Ok(text.clone())),
        Source::Text(n, text) => (format!("-e #{n}"), Ok(text.clone())),
        Source::File(path) => (path.display().to_string(), std::fs::read_to_string(path)),
        Source::Stdin => {
            let mut text = String::new();
            ("<stdin>".to_string(), std::io::stdin().read_to_string(&mut text).map(|_| text))
        }
    };
    match text {
        Ok(text) => Ok((name, text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))),
        Err(error) => {
            say(format_args!("{name}: {error}"));
            Err(Stop::Failed)
        }
    }
}

/// Ends the context and, when all went well, lets the output file appear.
async fn close(mut shell: Shell, outcome: Result<(), Stop>) -> Result<(), Stop> {
    shell.ctx.stop().await;
    let keep = match outcome {
        Ok(()) | Err(Stop::Quit) => true,
        Err(Stop::Failed) => shell.settings.keep_going,
        Err(_) => false,
    };
    if keep && let Err(error) = shell.sink.commit() {
        let error = DataFusionError::from(error);
        if !is_closed_pipe(&error) {
            say(error);
            return Err(Stop::Failed);
        }
    }
    outcome
}
