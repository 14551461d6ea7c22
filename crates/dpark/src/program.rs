//! A whole program: `main` in one call.

use crate::context::{Context, init};
use crate::error::{Error, Result};
use std::ffi::OsString;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Runs a program: reads the master (`-m`, `--master`), options (`--conf key=value`) and the error budget (`--err`) from the
/// command line, starts a context, runs `body` and ends the context in good order. What else is on the command line is the
/// program's: see [`Context::args`].
///
/// Warnings, such as rows that were left out within the error budget, go to standard error; `RUST_LOG` asks for more or less.
///
/// Turns the process into a worker instead when it was started as one, so nothing should stand before it in `main`.
///
/// ```no_run
/// use dpark::prelude::*;
///
/// fn main() -> dpark::Result<()> {
///     dpark::main(async |ctx: Context| {
///         let squares = ctx.range(0..1000, 4).map(|n| n * n);
///         println!("{:?}", squares.reduce(|a, b| a + b).await?);
///         Ok(())
///     })
/// }
/// ```
pub fn main<F: AsyncFnOnce(Context) -> Result<()>>(body: F) -> Result<()> {
    init();
    log();
    let line = CommandLine::of(std::env::args_os().skip(1))?;
    let mut builder = Context::builder().args(line.rest);
    if let Some(master) = line.master {
        builder = builder.master(master);
    }
    for (key, value) in line.conf {
        builder = builder.conf(key, value);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Start { what: "the program's threads", detail: error.to_string() })?;
    let ctx = builder.build()?;
    runtime.block_on(async {
        let done = body(ctx.clone()).await;
        ctx.stop().await;
        done
    })
}

/// Tells on standard error what a user should know: rows that were left out, executors that were lost. `RUST_LOG` asks for more or
/// less.
fn log() {
    let usual = || EnvFilter::new("error,dpark=warn,dpark::shared=info");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| usual());
    // Not if the program has its own.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
}

/// What is for the engine, and the rest.
#[derive(Debug, Default, PartialEq, Eq)]
struct CommandLine {
    master: Option<String>,
    conf: Vec<(String, String)>,
    rest: Vec<OsString>,
}

impl CommandLine {
    /// `-m M`, `-mM`, `--master M`, `--master=M`, `--conf K=V`, `--conf=K=V`, wherever they stand; `--` ends them.
    fn of(arguments: impl Iterator<Item = OsString>) -> Result<Self> {
        let mut line = Self::default();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let text = argument.to_str().unwrap_or_default();
            let (name, mut value) = match text.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (text, None),
            };
            let name = match name.strip_prefix("-m") {
                Some(attached) if !attached.is_empty() && !attached.starts_with('-') => {
                    value = Some(attached.to_owned());
                    "-m"
                }
                _ => name,
            };
            let mut value = || {
                let next = || arguments.next().and_then(|next| next.into_string().ok());
                value.take().or_else(next).ok_or_else(|| Error::Usage(format!("{name} needs a value")))
            };
            match name {
                "--" => {
                    line.rest.extend(arguments.by_ref());
                }
                "-m" | "--master" => line.master = Some(value()?),
                "--err" => line.conf.push(("task.error_budget".into(), value()?)),
                "--conf" => {
                    let pair = value()?;
                    let Some((key, value)) = pair.split_once('=') else {
                        return Err(Error::Usage(format!("--conf {pair}: expected key=value")));
                    };
                    line.conf.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                _ => line.rest.push(argument),
            }
        }
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arguments: &[&str]) -> Result<CommandLine> {
        CommandLine::of(arguments.iter().map(OsString::from))
    }

    #[test]
    fn the_engine_takes_what_is_its_own() {
        let found =
            line(&["-m", "local[2]", "in.txt", "--conf", "a.b=c=d", "--conf=x=1", "-v", "--", "-m", "mine"]).unwrap();
        assert_eq!(found.master.as_deref(), Some("local[2]"));
        assert_eq!(found.conf, [("a.b".into(), "c=d".into()), ("x".into(), "1".into())]);
        assert_eq!(found.rest, ["in.txt", "-v", "-m", "mine"].map(OsString::from));
        assert_eq!(line(&["--master=process"]).unwrap().master.as_deref(), Some("process"));
        assert_eq!(line(&["-mlocal"]).unwrap().master.as_deref(), Some("local"));
        assert_eq!(line(&["--err", "0.01"]).unwrap().conf, [("task.error_budget".into(), "0.01".into())]);
    }

    #[test]
    fn what_is_missing_is_told() {
        assert!(line(&["-m"]).unwrap_err().to_string().contains("-m needs a value"));
        assert!(line(&["--conf", "a"]).unwrap_err().to_string().contains("key=value"));
    }
}
