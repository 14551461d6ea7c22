//! The command line.

use crate::format::Format;
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser};
use std::path::PathBuf;
use std::sync::LazyLock;

static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} (DataFusion {})", env!("CARGO_PKG_VERSION"), datafusion::DATAFUSION_VERSION));

const EXAMPLES: &str = "\
Examples:
  dpark-sql                                         an interactive shell on all cores
  dpark-sql -e \"SELECT count(*) FROM 'data/*.parquet'\"
  dpark-sql -f report.sql --format csv --output report.csv
  dpark-sql -m 'process[4]' -f load.sql -f report.sql --timing
  cat report.sql | dpark-sql --format ndjson | jq .
  dpark-sql --conf datafusion.execution.batch_size=16384 -e 'SHOW ALL'

Exit status: 0 all statements succeeded, 1 a statement failed, 2 the command line is wrong, 130 interrupted.";

/// A shell for DPark: SQL over Parquet, CSV, JSON, Arrow and Avro, in threads, in worker processes, or on a Mesos cluster.
#[derive(Parser, Debug)]
#[command(name = "dpark-sql", after_help = EXAMPLES, disable_version_flag = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// Where queries run: local[N], local[*], process[N], mesos://host:port, zk://host:port/path [default:
    /// $DPARK_MASTER, then the configuration file, then local[*]]
    #[arg(short, long, value_name = "MASTER")]
    pub(crate) master: Option<String>,

    #[command(flatten)]
    pub(crate) sources: Sources,

    /// How results are written
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = PossibleValuesParser::new(Format::NAMES))]
    pub(crate) format: String,

    /// Write results to FILE instead of standard output; it appears, or replaces the old one, only when everything
    /// succeeded
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Set an option (repeatable): one of docs/config.md, or one of DataFusion's, which `SHOW ALL` lists
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) conf: Vec<(String, String)>,

    /// Report the time of every statement on standard error
    #[arg(long)]
    pub(crate) timing: bool,

    /// Leave out the column names
    #[arg(long)]
    pub(crate) no_header: bool,

    /// Say nothing on standard error but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Go on after an error; the exit status is still 1
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// What to run. The order of -e and -f on the command line is kept.
#[derive(Args, Debug)]
pub(crate) struct Sources {
    /// Run statements separated by `;` (repeatable, keeps its order with -f)
    // A statement may begin with a comment.
    #[arg(short = 'e', long = "execute", value_name = "SQL", allow_hyphen_values = true)]
    execute: Vec<String>,

    /// Run the statements of a file, `-` for standard input (repeatable, keeps its order with -e)
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: Vec<PathBuf>,

    /// `-` runs the statements on standard input, as a pipe does without being told
    #[arg(value_name = "-", value_parser = ["-"])]
    stdin: Option<String>,
}

/// One script to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Given with -e; the number counts them.
    Text(usize, String),
    /// Given with -f.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl Cli {
    /// Reads the command line, or ends the process: with help or version, or with status 2.
    pub(crate) fn read() -> (Cli, Vec<Source>) {
        Self::from(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn from<T: Into<std::ffi::OsString> + Clone>(
        args: impl IntoIterator<Item = T>,
    ) -> Result<(Cli, Vec<Source>), clap::Error> {
        let matches = Cli::command().version(VERSION.as_str()).try_get_matches_from(args)?;
        let cli = Cli::from_arg_matches(&matches)?;
        let sources = in_order(&cli.sources, &matches);
        Ok((cli, sources))
    }
}

fn in_order(sources: &Sources, matches: &ArgMatches) -> Vec<Source> {
    let places = |id: &str| matches.indices_of(id).into_iter().flatten();
    let texts = sources.execute.iter().enumerate().map(|(n, text)| Source::Text(n + 1, text.clone()));
    let files = sources
        .file
        .iter()
        .map(|path| if path.as_os_str() == "-" { Source::Stdin } else { Source::File(path.clone()) });
    let mut all: Vec<(usize, Source)> = places("execute").zip(texts).chain(places("file").zip(files)).collect();
    all.extend(places("stdin").zip(sources.stdin.iter().map(|_| Source::Stdin)));
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, source)| source).collect()
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_string(), value.trim().to_string())),
        _ => Err("expected KEY=VALUE".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(args: &[&str]) -> Vec<Source> {
        Cli::from(std::iter::once("dpark-sql").chain(args.iter().copied())).unwrap().1
    }

    #[test]
    fn the_command_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn scripts_keep_their_order() {
        let text = |n, s: &str| Source::Text(n, s.to_string());
        let file = |s: &str| Source::File(s.into());
        assert_eq!(
            sources(&["-f", "a", "-e", "1", "--file=b", "-e2", "-f", "-"]),
            [file("a"), text(1, "1"), file("b"), text(2, "2"), Source::Stdin]
        );
        assert_eq!(sources(&["-e", "-- note\nselect 1"]), [text(1, "-- note\nselect 1")]);
        assert_eq!(sources(&["-"]), [Source::Stdin]);
        assert_eq!(sources(&["-q"]), []);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for args in [&["--format", "xml"][..], &["--conf", "a"], &["file.sql"], &["--nope"]] {
            let args = std::iter::once("dpark-sql").chain(args.iter().copied());
            assert_eq!(Cli::from(args).unwrap_err().exit_code(), 2);
        }
        let (cli, _) = Cli::from(["dpark-sql", "--conf", "a.b = c=d"]).unwrap();
        assert_eq!(cli.conf, [("a.b".to_string(), "c=d".to_string())]);
    }
}
