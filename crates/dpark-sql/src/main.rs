//! `dpark-sql`: SQL over files, from a script or at a prompt.
//!
//! | module | what it does |
//! | --- | --- |
//! | `cli` | the command line |
//! | `start` | from the command line to a running shell and an exit status |
//! | `shell`, `query` | statements run one after the other; one statement running |
//! | `format` | results as text |
//! | `sink` | where results go: standard output, pager, file |
//! | `progress`, `console`, `errors`, `interrupt`, `stop` | the progress line, messages, errors, signals, ends |
//! | `settings` | what can be set |
//! | `prompt` | the interactive part: editing, completion, colours, backslash commands |

#![allow(rustdoc::broken_intra_doc_links, reason = "the doc comments of the command line are its help texts")]

mod cli;
mod console;
mod errors;
mod format;
mod interrupt;
mod progress;
mod prompt;
mod query;
mod settings;
mod shell;
mod sink;
mod start;
mod stop;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // First of all: in a worker process this never returns.
    dpark::init();
    let (cli, sources) = cli::Cli::read();
    start::start(cli, sources)
}
