//! The prompt: a line editor around the shell.

mod commands;
mod complete;
mod helper;
mod highlight;
mod history;
mod keywords;
mod names;
mod tokens;

use crate::console::say;
use crate::shell::Shell;
use crate::sink::Sink;
use crate::stop::Stop;
use helper::SqlHelper;
use names::SessionNames;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};
use std::cell::Cell;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Two Ctrl-C at the prompt within this time quit.
const QUICK: Duration = Duration::from_millis(1500);

/// Where results go when nothing else is said: at the prompt, through the pager that the environment names.
pub(crate) fn sink(interactive: bool) -> Sink {
    let pager = ["DPARK_PAGER", "PAGER"].into_iter().find_map(|name| std::env::var(name).ok());
    match pager.filter(|command| interactive && !command.trim().is_empty()) {
        Some(command) => Sink::paged(command),
        None => Sink::stdout(),
    }
}

/// Reads and runs lines until the user leaves.
pub(crate) fn run(shell: &mut Shell, runtime: &Runtime) -> Result<(), Stop> {
    let mut editor = match editor(shell, runtime) {
        Ok(editor) => editor,
        Err(error) => {
            say(format_args!("cannot open the terminal: {error}"));
            return Err(Stop::Failed);
        }
    };
    let history = history::path();
    if let Some(path) = &history {
        let _ = editor.load_history(path); // there is none yet the first time
    }
    if !shell.settings.quiet {
        let (version, master) = (env!("CARGO_PKG_VERSION"), shell.ctx.master());
        say(format_args!("DPark {version} on {master} — \\? for help, \\q to quit"));
    }
    let mut interrupted: Option<Instant> = None;
    loop {
        let line = match editor.readline(&("dpark> ", "\x1b[1mdpark>\x1b[0m ")) {
            Ok(line) => line,
            // On a line with text Ctrl-C takes the text away and no more.
            Err(ReadlineError::Interrupted) if !editor.helper().is_none_or(|helper| helper.empty.replace(true)) => {
                interrupted = None;
                continue;
            }
            Err(ReadlineError::Interrupted) => {
                if interrupted.is_some_and(|before| before.elapsed() < QUICK) {
                    return Ok(());
                }
                interrupted = Some(Instant::now());
                say("(Ctrl-C again, Ctrl-D or \\q quits)");
                continue;
            }
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => {
                say(error);
                return Err(Stop::Failed);
            }
        };
        interrupted = None;
        if let Some(helper) = editor.helper() {
            helper.empty.set(true);
        }
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        let _ = editor.add_history_entry(text);
        if let Some(path) = &history {
            let _ = editor.append_history(path);
        }
        match runtime.block_on(run_line(shell, text)) {
            Ok(()) | Err(Stop::Failed) => {}
            Err(Stop::Quit) => return Ok(()),
            Err(stop) => return Err(stop),
        }
    }
}

async fn run_line(shell: &mut Shell, text: &str) -> Result<(), Stop> {
    shell.forget_interrupts();
    if is_goodbye(text) {
        return Err(Stop::Quit);
    }
    if text.starts_with('\\') {
        return commands::run(shell, text).await;
    }
    shell.run_script("", text).await
}

/// What people type to leave.
fn is_goodbye(text: &str) -> bool {
    ["quit", "exit"].iter().any(|word| text.trim_end_matches(';').trim().eq_ignore_ascii_case(word))
}

fn editor(shell: &Shell, runtime: &Runtime) -> rustyline::Result<Editor<SqlHelper, FileHistory>> {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .max_history_size(10_000)?
        .color_mode(if plain { ColorMode::Disabled } else { ColorMode::Enabled })
        .build();
    let history = FileHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history)?;
    let names = SessionNames { ctx: shell.ctx.clone(), runtime: runtime.handle().clone() };
    editor.set_helper(Some(SqlHelper { names, empty: Cell::new(true) }));
    Ok(editor)
}
