//! A table has a corrupt file: its query fails at once, with the file's name, and nothing else does.

use crate::story::{MASTERS, Story, on};
use arrow::array::{Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use dpark::Context;
use libtest_mimic::{Failed, Trial};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug, Clone, Copy)]
enum Damage {
    /// The head of the first column's first page.
    PageHead,
    /// Bytes within that page.
    PageBody,
    /// The end of the file, with the footer.
    Footer,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    /// Before anything is known of the directory, which is a path in `FROM`.
    Path,
    /// The same with `CREATE EXTERNAL TABLE`.
    Create,
    /// The same with `Context::read_parquet`.
    Read,
    /// After that.
    Created,
    /// When the query is planned.
    Planned,
}

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![];
    for (name, master) in MASTERS {
        for damage in [Damage::PageHead, Damage::PageBody, Damage::Footer] {
            for when in [When::Path, When::Create, When::Read, When::Created, When::Planned] {
                let what = format!("{damage:?}::{when:?}").to_lowercase();
                let name = format!("chaos::parquet::{what}::{name}");
                trials.push(Trial::test(name, move || corrupt(master, damage, when)));
            }
        }
    }
    trials
}

/// The middle one of three files is damaged.
fn corrupt(master: &str, damage: Damage, when: When) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let (good, bad) = (dir.path().join("good"), dir.path().join("bad"));
    make_table(&good)?;
    make_table(&bad)?;
    let harmed = bad.join("part-1.parquet");
    on(master, &dir.path().join("work"), &[], async |ctx| {
        let mut story = Story::of(ctx);
        let error = match ask(ctx, &bad, Some((when, &|| harm(&harmed, damage)))).await {
            Ok(answer) => panic!("the damage should be noticed: {answer}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains("bad/part-1.parquet"), "the file is named: {error}");
        assert!(!error.contains("part-0") && !error.contains("part-2"), "and no other: {error}");
        story.catch_up();
        assert!(story.started.iter().all(|(task, _)| task.attempt == 0), "nothing is tried again: {:?}", story.started);
        let in_planning = matches!(damage, Damage::Footer) && when != When::Planned;
        assert_eq!(story.failed.len(), usize::from(!in_planning), "{:?}", story.failed);
        assert_eq!(ask(ctx, &good, None).await?, "1799970000 3");
        Ok(())
    })
}

type Harm<'a> = (When, &'a dyn Fn());

async fn ask(ctx: &Context, table: &Path, harm: Option<Harm<'_>>) -> datafusion::error::Result<String> {
    let now = |when| match harm {
        Some((chosen, harm)) if chosen == when => harm(),
        _ => {}
    };
    now(When::Path);
    now(When::Create);
    now(When::Read);
    let mut from = format!("'{}/'", table.display());
    if harm.is_some_and(|(when, _)| matches!(when, When::Create | When::Created)) {
        ctx.sql(&format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION {from}")).await?.collect().await?;
        from = "t".into();
    }
    if harm.is_some_and(|(when, _)| when == When::Read) {
        let read = ctx.read_parquet(format!("{}/", table.display())).await?;
        ctx.session().register_table("t", read.into_view())?;
        from = "t".into();
    }
    now(When::Created);
    let query = ctx.sql(&format!("SELECT sum(id) || ' ' || count(DISTINCT word) AS answer FROM {from}")).await?;
    let context = Arc::new(query.task_ctx());
    let plan = query.create_physical_plan().await?;
    now(When::Planned);
    let batches = datafusion::physical_plan::collect(plan, context).await?;
    Ok(arrow::util::display::array_value_to_string(batches[0].column(0), 0)?)
}

fn make_table(dir: &Path) -> Result<(), Failed> {
    std::fs::create_dir(dir)?;
    for part in 0..3i64 {
        let ids = Int64Array::from_iter_values(part * 20_000..(part + 1) * 20_000);
        let words = ["ant", "bee", "cat"];
        let words = StringArray::from_iter_values((0..20_000).map(|row| words[row % 3]));
        let batch = RecordBatch::try_from_iter([("id", Arc::new(ids) as _), ("word", Arc::new(words) as _)])?;
        let properties = WriterProperties::builder().set_compression(Compression::LZ4_RAW).build();
        let file = File::create(dir.join(format!("part-{part}.parquet")))?;
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
        writer.write(&batch)?;
        writer.close()?;
    }
    Ok(())
}

fn harm(path: &Path, damage: Damage) {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let (start, length) = reader.metadata().row_group(0).column(0).byte_range();
    let file = OpenOptions::new().write(true).open(path).unwrap();
    match damage {
        Damage::PageHead => file.write_all_at(&[0xff; 16], start),
        Damage::PageBody => file.write_all_at(&[0xff; 256], start + length / 3),
        Damage::Footer => file.set_len(start + length / 2),
    }
    .unwrap();
}
