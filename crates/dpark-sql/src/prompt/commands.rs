//! Backslash commands.

use super::names::{TableName, provider, table_names};
use crate::console::say;
use crate::settings::{Expanded, Settings};
use crate::shell::Shell;
use crate::sink::Sink;
use crate::stop::Stop;
use arrow::array::{ArrayRef, StringArray};
use arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::TableType;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Name, argument and meaning of each command.
pub(super) const COMMANDS: [(&str, &str, &str); 9] = [
    ("\\?", "", "this help"),
    ("\\d", "[table]", "list tables, or describe a table, view or 'file'"),
    ("\\l", "", "list catalogs and schemas"),
    ("\\timing", "[on|off]", "report the time of every statement"),
    ("\\x", "[on|off|auto]", "one value a line; auto: when a table is too wide"),
    ("\\o", "[file]", "write results to a file; without one, to the screen again"),
    ("\\i", "file", "run the statements of a file"),
    ("\\set", "[name value]", "show the shell's settings, or set one or an option of the session"),
    ("\\q", "", "quit (so does Ctrl-D)"),
];

/// Runs a line that starts with a backslash.
pub(super) async fn run(shell: &mut Shell, line: &str) -> std::result::Result<(), Stop> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (command, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let argument = argument.trim();
    let outcome = match command {
        "\\q" | "\\quit" => return Err(Stop::Quit),
        "\\?" | "\\h" | "\\help" => help(),
        "\\d" if argument.is_empty() => list_tables(shell).await,
        "\\d" => describe(shell, argument).await,
        "\\l" => list_schemas(shell),
        "\\timing" => switch(shell, "timing", argument),
        "\\x" => switch(shell, "expanded", argument),
        "\\set" => return set(shell, argument).await,
        "\\o" => redirect(shell, argument),
        "\\i" => return include(shell, argument).await,
        _ => Err(error(format!("No command {command}; \\? lists them"))),
    };
    outcome.map_err(|error| {
        say(dpark::sql::message(&error));
        Stop::Failed
    })
}

fn error(message: String) -> DataFusionError {
    DataFusionError::External(message.into())
}

fn help() -> Result<()> {
    let mut text = String::from("Statements end with ; and may take several lines. Tab completes.\n\n");
    for (name, argument, meaning) in COMMANDS {
        text += &format!("  {:<22} {meaning}\n", format!("{name} {argument}"));
    }
    text += "\nSettings (\\set name value):\n";
    for (name, meaning) in Settings::NAMES {
        text += &format!("  {name:<22} {meaning}\n");
    }
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn strings(columns: Vec<(&str, Vec<String>)>) -> Result<RecordBatch> {
    let arrays =
        columns.into_iter().map(|(name, values)| (name, Arc::new(StringArray::from(values)) as ArrayRef, false));
    Ok(RecordBatch::try_from_iter_with_nullable(arrays)?)
}

async fn list_tables(shell: &mut Shell) -> Result<()> {
    let names = table_names(&shell.ctx);
    let mut kinds = Vec::new();
    for TableName { catalog, schema, table } in &names {
        let state = shell.ctx.session().state_ref();
        let catalogs = Arc::clone(state.read().catalog_list());
        let schema = catalogs.catalog(catalog).and_then(|catalog| catalog.schema(schema));
        let kind = match schema {
            Some(schema) => schema.table_type(table).await?,
            None => None,
        };
        kinds.push(match kind {
            Some(TableType::View) => "view",
            Some(TableType::Temporary) => "temporary",
            _ => "table",
        });
    }
    let column = |part: fn(&TableName) -> &String| names.iter().map(|name| part(name).clone()).collect::<Vec<_>>();
    let batch = strings(vec![
        ("catalog", column(|name| &name.catalog)),
        ("schema", column(|name| &name.schema)),
        ("name", column(|name| &name.table)),
        ("type", kinds.into_iter().map(str::to_string).collect()),
    ])?;
    shell.show(&batch)
}

async fn describe(shell: &mut Shell, name: &str) -> Result<()> {
    let table = provider(&shell.ctx, name).await?;
    let schema = table.schema();
    let fields = schema.fields();
    let batch = strings(vec![
        ("column", fields.iter().map(|field| field.name().clone()).collect()),
        ("type", fields.iter().map(|field| field.data_type().to_string()).collect()),
        ("nullable", fields.iter().map(|field| if field.is_nullable() { "yes" } else { "no" }.to_string()).collect()),
    ])?;
    shell.show(&batch)?;
    if let Some(definition) = table.get_table_definition() {
        writeln!(shell.sink, "{definition}")?;
        shell.sink.end(true)?;
    }
    Ok(())
}

fn list_schemas(shell: &mut Shell) -> Result<()> {
    let state = shell.ctx.session().state_ref();
    let catalogs = Arc::clone(state.read().catalog_list());
    let mut rows: Vec<(String, String, String)> = Vec::new();
    for catalog in catalogs.catalog_names() {
        let Some(provider) = catalogs.catalog(&catalog) else { continue };
        for schema in provider.schema_names() {
            let tables = provider.schema(&schema).map_or(0, |schema| schema.table_names().len());
            rows.push((catalog.clone(), schema, tables.to_string()));
        }
    }
    rows.sort();
    let batch = strings(vec![
        ("catalog", rows.iter().map(|row| row.0.clone()).collect()),
        ("schema", rows.iter().map(|row| row.1.clone()).collect()),
        ("tables", rows.iter().map(|row| row.2.clone()).collect()),
    ])?;
    shell.show(&batch)
}

/// Sets an on/off setting, or turns it over when nothing is said.
fn switch(shell: &mut Shell, name: &str, value: &str) -> Result<()> {
    let on = match name {
        "timing" => shell.settings.timing,
        _ => shell.settings.expanded != Expanded::Off,
    };
    let value = match value {
        "" if on => "off",
        "" => "on",
        value => value,
    };
    shell.settings.set(name, value).map_err(error)?;
    say(format_args!("{name} is {}", shell.settings.get(name).unwrap_or_default()));
    Ok(())
}

async fn set(shell: &mut Shell, argument: &str) -> std::result::Result<(), Stop> {
    let failed = |error: DataFusionError| {
        say(dpark::sql::message(&error));
        Stop::Failed
    };
    if argument.is_empty() {
        let value = |name: &str| match &shell.sink {
            Sink::Paged(pager) if name == "pager" => pager.command().to_string(),
            _ => shell.settings.get(name).unwrap_or_else(|| "off".to_string()),
        };
        let names = Settings::NAMES.iter().map(|(name, _)| name.to_string()).collect();
        let values = Settings::NAMES.iter().map(|(name, _)| value(name)).collect();
        let meanings = Settings::NAMES.iter().map(|(_, meaning)| meaning.to_string()).collect();
        let batch = strings(vec![("name", names), ("value", values), ("meaning", meanings)]).map_err(failed)?;
        return shell.show(&batch).map_err(failed);
    }
    let (name, value) = argument.split_once(|c: char| c.is_whitespace() || c == '=').unwrap_or((argument, ""));
    let value = value.trim().trim_start_matches('=').trim();
    if name == "pager" {
        shell.sink = match value {
            "" | "off" => Sink::stdout(),
            "on" => Sink::paged(std::env::var("PAGER").unwrap_or_else(|_| "less".to_string())),
            command => Sink::paged(command.to_string()),
        };
        return Ok(());
    }
    match shell.settings.set(name, value) {
        Ok(true) => Ok(()),
        Ok(false) if value.is_empty() => shell.run_script("", &format!("SHOW {name}")).await,
        Ok(false) => {
            shell.run_script("", &format!("SET {name} = '{}'", value.trim_matches('\'').replace('\'', "''"))).await
        }
        Err(message) => Err(failed(error(message))),
    }
}

fn redirect(shell: &mut Shell, path: &str) -> Result<()> {
    shell.sink.commit()?;
    shell.sink = match unquoted(path) {
        "" => super::sink(true),
        path => Sink::plain(Path::new(path)).map_err(|e| error(format!("{path}: {e}")))?,
    };
    Ok(())
}

async fn include(shell: &mut Shell, path: &str) -> std::result::Result<(), Stop> {
    let path = unquoted(path);
    match std::fs::read_to_string(path) {
        Ok(text) => shell.run_script(path, &text).await,
        Err(error) => {
            say(format_args!("{path}: {error}"));
            Err(Stop::Failed)
        }
    }
}

fn unquoted(path: &str) -> &str {
    path.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(path)
}
