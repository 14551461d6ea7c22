//! Sessions with the shell: scripts as other programs run it, and a person at a terminal.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[path = "../shell/object_stores.rs"]
mod object_stores;
#[path = "../shell/pty.rs"]
mod pty;
#[path = "../shell/run.rs"]
mod run;

mod scripts {
    use super::run::*;
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    use std::time::Duration;

    #[test]
    fn statements_run_in_the_order_of_the_command_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("two.sql");
        std::fs::write(&file, "\u{feff}select 2 as a -- ; not here\n; select ';' as b;").unwrap();
        let file = file.to_str().unwrap();
        let ran = run(&["--format", "csv", "--no-header", "-e", "select 1", "-f", file, "-e", "select 3; select 4"]);
        assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.status), ("1\n2\n;\n3\n4\n", "", 0));
    }

    #[test]
    fn a_pipe_is_a_script() {
        for args in [&["--format", "csv"][..], &["--format", "csv", "-"], &["--format", "csv", "-f", "-"]] {
            let ran = run_input(args, "select 1 as x;\nselect\n 2 as y");
            assert_eq!((ran.out.as_str(), ran.status), ("x\n1\ny\n2\n", 0));
        }
        assert_eq!(run_input(&[], "").status, 0);
    }

    #[test]
    fn an_error_shows_its_place_and_ends_the_script() {
        let ran =
            run_input(&["--format", "csv"], "select 1 as a;\nselect a,\n  nope from (select 1 as a);\nselect 3 as c;");
        assert_eq!(ran.out, "a\n1\n");
        assert_eq!(ran.status, 1);
        assert!(ran.err.starts_with("<stdin>:3:3: No field named nope"), "{}", ran.err);
        assert!(ran.err.contains("3 |   nope from (select 1 as a)"), "{}", ran.err);
        assert!(ran.err.contains("\n  |   ^^^^\n"), "{}", ran.err);
    }

    #[test]
    fn every_kind_of_error_has_a_line_and_a_column() {
        for (sql, place, words) in [
            ("selec 1", "-e:1:1:", "an SQL statement"),
            ("select 1;\n select 2 3", "-e:2:11:", "found: 3"),
            ("select 'open", "-e:1:8:", "Unterminated string"),
            ("select * from missing", "-e:1:15:", "missing"),
            ("select * from 'missing/*.parquet'", "-e:1:15:", "No data file matches"),
            ("select nosuchfunction(1)", "-e:1:8:", "nosuchfunction"),
            ("select 1;   select cast('x' as int) from (values (1))", "-e:1:", "Cannot cast string 'x'"),
            ("uncache table", "-e:1:14:", "identifier"),
        ] {
            let ran = run(&["-q", "-e", sql]);
            assert_eq!(ran.status, 1, "{sql}");
            assert!(ran.err.starts_with(place) && ran.err.contains(words), "{sql}: {}", ran.err);
            assert!(ran.err.contains('^'), "{sql}: {}", ran.err);
        }
    }

    #[test]
    fn only_the_cause_of_an_error_is_told() {
        for (sql, message) in [
            ("select cast('x' as int)", "-e:1:13: Arrow error: Cast error: Cannot cast string 'x' to value"),
            ("set datafusion.execution.batch_size = many", ": option datafusion.execution.batch_size: Error parsing"),
            ("select a, count(*) from (values (1)) t(a)", "an aggregate function: column \"t.a\" must appear in"),
        ] {
            let ran = run(&["-e", sql]);
            assert!(ran.status == 1 && ran.err.contains(message), "{sql}: {}", ran.err);
        }
    }

    #[test]
    fn a_statement_may_begin_with_a_comment() {
        let ran = run(&["-q", "--format", "csv", "-e", "-- note\nselect 1 as a", "--no-header"]);
        assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.status), ("1\n", "", 0));
    }

    #[test]
    fn keep_going_runs_the_rest_and_still_fails() {
        let ran =
            run(&["--keep-going", "--format", "csv", "-e", "nonsense; select 1 as a; select b", "-e", "select 2 as c"]);
        assert_eq!((ran.out.as_str(), ran.status), ("a\n1\nc\n2\n", 1));
        assert!(ran.err.contains("-e #1:1:1:") && ran.err.contains("-e #1:1:33:"), "{}", ran.err);
    }

    #[test]
    fn wrong_usage_is_status_2() {
        for args in [
            &["--format", "xml"][..],
            &["--nope"],
            &["-m", "nowhere[2]"],
            &["-m", "zk://nowhere:port/mesos"],
            &["--conf", "no.such.option=1", "-e", "select 1"],
            &["--conf", "datafusion.execution.batch_sizes=1", "-e", "select 1"],
            &["--conf", "datafusion.execution.batch_size=many", "-e", "select 1"],
        ] {
            let ran = run(args);
            assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{args:?}: {}", ran.err);
            assert!(ran.err.starts_with("error: "), "{args:?}: {}", ran.err);
            let datafusion = args.iter().any(|arg| arg.starts_with("datafusion."));
            assert!(!datafusion || ran.err.lines().count() == 1, "{args:?}: {}", ran.err);
        }
        let ran = run(&["-f", "/no/such/file.sql", "-e", "select 1"]);
        assert_eq!((ran.status, ran.out.as_str()), (1, ""));
        let help = run(&["--help"]).out;
        assert!(help.contains("Examples:") && help.contains("docs/config.md"), "{help}");
        assert!(run(&["--version"]).out.starts_with("dpark-sql "));
    }

    #[test]
    fn an_empty_master_is_none() {
        let ran = run_on("", &["-q", "--format", "csv", "-e", "select 1 as a"]);
        assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.status), ("a\n1\n", "", 0));
    }

    #[test]
    fn nothing_but_results_on_standard_output() {
        let sql =
            "create view v as select 1 as a; set datafusion.execution.batch_size = 100; select a from v; drop view v";
        let ran = run(&["--format", "csv", "--timing", "-e", sql]);
        assert_eq!((ran.out.as_str(), ran.status), ("a\n1\n", 0));
        assert!(
            ran.err.contains("CREATE VIEW") && ran.err.contains("SET") && ran.err.contains("DROP VIEW"),
            "{}",
            ran.err
        );
        assert_eq!(ran.err.matches("Time: ").count(), 4);
        assert!(!ran.err.contains('\r') && !ran.err.contains('\u{1b}'));
        let ran = run(&["-q", "--format", "csv", "-e", sql]);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("a\n1\n", ""));
    }

    #[test]
    fn formats() {
        let sql = "select * from (values (1, 'a,\"b', 1.5), (2, null, null), (9007199254740993, '', 'NaN'::double)) t(i, s, f) order by i";
        let of = |format: &str| run(&["--format", format, "-e", sql]).out;
        assert_eq!(of("csv"), "i,s,f\n1,\"a,\"\"b\",1.5\n2,,\n9007199254740993,\"\",NaN\n");
        assert_eq!(of("tsv"), "i\ts\tf\n1\ta,\"b\t1.5\n2\t\\N\t\\N\n9007199254740993\t\tNaN\n");
        assert_eq!(
            of("ndjson"),
            "{\"i\":1,\"s\":\"a,\\\"b\",\"f\":1.5}\n{\"i\":2,\"s\":null,\"f\":null}\n{\"i\":9007199254740993,\"s\":\"\",\"f\":null}\n"
        );
        let json: serde_json::Value = serde_json::from_str(&of("json")).unwrap();
        assert_eq!(json[2]["i"], 9007199254740993i64);
        assert_eq!(of("markdown").lines().nth(2), Some("| 1 | a,\"b | 1.5 |"));
        assert!(of("vertical").contains("-[ RECORD 2 ]"));
        assert_eq!(of("table").lines().count(), 7);
    }

    #[test]
    fn a_null_inside_a_value_is_seen() {
        let sql = "select [1, null, 2] as l, {a: null} as s, null as n";
        for format in ["table", "vertical", "markdown"] {
            let out = run(&["--format", format, "-e", sql]).out;
            assert!(out.contains("[1, NULL, 2]") && out.contains("{a: NULL}"), "{format}: {out}");
        }
        assert_eq!(csv(sql), "l,s,n\n\"[1,null,2]\",\"{\"\"a\"\":null}\",\n");
    }

    #[test]
    fn joins_with_the_same_name_twice_lose_no_column_in_json() {
        let sql = "select * from (select 1 as id) a join (select 1 as id) b on a.id = b.id";
        assert_eq!(run(&["--format", "ndjson", "-e", sql]).out, "{\"id\":1,\"id_1\":1}\n");
    }

    #[test]
    fn a_script_loses_no_rows_in_any_format() {
        for format in ["table", "csv", "tsv", "ndjson", "markdown"] {
            let ran = run(&["--format", format, "--no-header", "-e", "select * from generate_series(1, 5000)"]);
            let frame = if format == "table" { 2 } else { 0 };
            assert_eq!(ran.out.lines().count(), 5000 + frame, "{format}");
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let mut child = shell(&["--format", "csv", "-e", "select * from generate_series(1, 1000000000)"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "value");
        drop(lines);
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    }

    #[test]
    fn ctrl_c_ends_a_script_with_130() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out.csv");
        let output = target.to_str().unwrap();
        let sql = "select count(*) from generate_series(1, 3000000) a, generate_series(1, 3000000) b where a.value % 7 = b.value % 11";
        for (signal, status) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
            let child = shell(&["-q", "--output", output, "-e", sql]).stderr(Stdio::piped()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(700));
            // SAFETY: a signal to a child that has not been waited for.
            unsafe { libc::kill(child.id() as i32, signal) };
            let ended = child.wait_with_output().unwrap();
            assert_eq!(ended.status.code(), Some(status), "{}", String::from_utf8_lossy(&ended.stderr));
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "a temporary file is left");
        }
    }

    #[test]
    fn signals_leave_nothing_in_the_directory_for_shuffles() {
        let dir = tempfile::tempdir().unwrap();
        for (signal, status) in [(libc::SIGTERM, 143), (libc::SIGINT, 130), (libc::SIGHUP, 129)].repeat(2) {
            let conf = format!("dir={}", dir.path().display());
            let sql = "select count(*) from generate_series(1, 100000000000)";
            let child = shell(&["-q", "--conf", &conf, "-e", sql]).stderr(Stdio::piped()).spawn().unwrap();
            wait_until("the shell should be busy", Duration::from_secs(60), || Process::is_busy(child.id()));
            let entries = || std::fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.path());
            assert_eq!(entries().count(), 1);
            // SAFETY: a signal to a child that has not been waited for.
            unsafe { libc::kill(child.id() as i32, signal) };
            let ended = child.wait_with_output().unwrap();
            assert_eq!(ended.status.code(), Some(status), "{}", String::from_utf8_lossy(&ended.stderr));
            let left: Vec<_> = entries().collect();
            assert!(left.is_empty(), "left behind by signal {signal}: {left:?}");
        }
    }

    #[test]
    fn output_is_whole_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out.csv");
        let output = target.to_str().unwrap();
        let ran = run(&["--format", "csv", "--output", output, "-e", "select 1 as a", "-e", "select nope"]);
        assert_eq!((ran.status, target.exists()), (1, false));
        assert_eq!(run(&["--format", "csv", "--output", output, "-e", "select 1 as a; select 2 as b"]).status, 0);
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "a\n1\nb\n2\n");
        // An error leaves the old file as it is.
        assert_eq!(run(&["--output", output, "-e", "select 1; select nope"]).status, 1);
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "a\n1\nb\n2\n");
        // A statement that fails half way leaves nothing of its rows when the rest goes on.
        let sql = "select 1 as a; select 100 / (value - 90000) as x from generate_series(1, 100000); select 2 as b";
        assert_eq!(run(&["--keep-going", "--format", "csv", "--output", output, "-e", sql]).status, 1);
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "a\n1\nb\n2\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(run(&["--output", "/dev/null", "-e", "select 1"]).status, 0);
        assert_eq!(run(&["--output", "/no/such/dir/x", "-e", "select 1"]).status, 1);
    }

    #[test]
    fn paths_are_tables() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
        std::fs::create_dir_all(dir.path().join("year=2024")).unwrap();
        std::fs::create_dir_all(dir.path().join("year=2025")).unwrap();
        for (name, text) in [
            ("a.csv", "x,y\n1,a\n2,b\n"),
            ("b.csv", "x,y\n3,c\n"),
            ("t.tsv", "x\ty\n1\ta\n"),
            ("l.jsonl", "{\"x\":1}\n{\"x\":2}\n"),
            ("l.json", "[{\"x\":1},{\"x\":2},{\"x\":3}]"),
            ("year=2024/p.csv", "z\n1\n"),
            ("year=2025/p.csv", "z\n2\n3\n"),
            ("_SUCCESS", ""),
        ] {
            std::fs::write(path(name), text).unwrap();
        }
        let count = |from: &str| csv(&format!("select count(*) as n from '{}'", path(from)));
        assert_eq!(count("a.csv"), "n\n2\n");
        assert_eq!(count("[ab].csv"), "n\n3\n");
        assert_eq!(count("t.tsv"), "n\n1\n");
        assert_eq!(count("l.jsonl"), "n\n2\n");
        assert_eq!(count("l.json"), "n\n3\n");
        assert_eq!(count("*/p.csv"), "n\n3\n");
        let parts = dir.path().join("parts");
        csv(&format!("copy (select 7 as seven) to '{}/x.parquet'", parts.display()));
        std::fs::write(parts.join("_SUCCESS"), "").unwrap();
        assert_eq!(count("parts"), "n\n1\n");
        assert_eq!(count("parts/"), "n\n1\n");
        let sql = format!(
            "create external table p stored as csv partitioned by (year) location '{}' options ('format.has_header' 'true'); \
             select year, count(*) as n from p group by year order by year",
            dir.path().join("by").display()
        );
        std::fs::rename(dir.path().join("year=2024"), {
            std::fs::create_dir(dir.path().join("by")).unwrap();
            dir.path().join("by/year=2024")
        })
        .unwrap();
        std::fs::rename(dir.path().join("year=2025"), dir.path().join("by/year=2025")).unwrap();
        assert_eq!(csv(&sql), "year,n\n2024,1\n2025,2\n");
    }

    #[test]
    fn catalog_statements() {
        let sql = "create view v as select 1 as a, 'x' as b; describe v; show columns from v; show tables; \
                   set datafusion.execution.batch_size = 77; show datafusion.execution.batch_size; explain select 1";
        let out = csv(sql);
        for text in ["a,Int64,NO", "datafusion,public,v,VIEW", "datafusion.execution.batch_size,77", "logical_plan"] {
            assert!(out.contains(text), "{text}: {out}");
        }
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_told() {
        let ran = run(&["--conf", "dir=/proc/nowhere", "-e", "select 1"]);
        assert_eq!((ran.out.as_str(), ran.status), ("", 1), "{}", ran.err);
        assert!(ran.err.contains("/proc/nowhere") && ran.err.contains("option `dir`"), "{}", ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
    }

    #[test]
    fn an_environment_that_is_no_text_harms_nobody() {
        use std::os::unix::ffi::OsStrExt;
        let mut command = shell(&[
            "-q",
            "--format",
            "csv",
            "-m",
            "process[1]",
            "-e",
            "select count(*) as n from generate_series(1, 9)",
        ]);
        let ran: Ran = command.env("ODD", std::ffi::OsStr::from_bytes(b"\xff\xfe")).output().unwrap().into();
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("n\n9\n", ""));
    }

    #[test]
    fn what_tasks_take_is_set_by_the_session() {
        let args = ["-q", "--format", "csv", "--no-header", "--conf", "task.cpus=2"];
        let script = "SET task.memory = '2GB'; SHOW task.memory; SHOW task.cpus; SET task.cpus = '0.5'; SHOW task.cpus; SELECT 1";
        let ran = run_input(&args, script);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("task.memory,2048MiB\ntask.cpus,2\ntask.cpus,0.5\n1\n", ""));
        for (sql, words) in [
            ("SET task.memory = 'much'", "bytes, e.g. 512MB"),
            ("SET task.cpus = '0'", "cores"),
            ("SET task.max_failures = '1'", "when the context starts"),
            ("SET task.colour = 'red'", "task.colour"),
        ] {
            let ran = run(&["-e", sql]);
            assert!(ran.status == 1 && ran.err.contains(words), "{sql}: {}", ran.err);
        }
    }

    #[test]
    fn what_is_given_at_the_start_says_so() {
        let keys = || dpark::OPTIONS.iter().map(|o| o.key).filter(|key| !["task.cpus", "task.memory"].contains(key));
        let script: String = keys().map(|key| format!("SET {key} = '1';\n")).collect();
        let ran = run_input(&["--keep-going"], &script);
        for key in keys() {
            let hint = format!(": {key} is given when the context starts, by --conf {key}=");
            assert!(ran.err.contains(&hint), "{key}: {}", ran.err);
        }
        assert_eq!(ran.status, 1);
    }

    #[test]
    fn from_alone_selects_all() {
        let from = "from (values (1, 2)) t(a, b)";
        assert_eq!(csv(&format!("{from}; create view v as {from}; from v")), "a,b\n1,2\n".repeat(2));
        let both = format!("with w as ({from}) select a as n from w union all select b from ({from}) order by n");
        assert_eq!(csv(&both), "n\n1\n2\n");
    }

    #[test]
    fn functions_are_listed() {
        assert!(csv("show functions like 'abs'").contains("\nabs,"));
    }

    #[test]
    fn tables_are_cached_and_lineage_is_explained() {
        let out = csv("create view v as select value % 3 as k from generate_series(1, 1000); \
                       cache table v; select k, count(*) as n from v group by k order by k; uncache table v; \
                       cache lazy table c as select 5 as five; select * from c; uncache table if exists nothing");
        assert_eq!(out, "k,n\n0,333\n1,334\n2,333\nfive\n5\n");
        let plan = csv("explain lineage select value % 3, count(*) from generate_series(1, 1000) group by 1");
        assert!(plan.to_lowercase().contains("stage"), "{plan}");
    }

    #[test]
    fn a_glob_sees_what_an_earlier_statement_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let part = |n| format!("copy (select {n} as a) to '{}/{n}.csv'", dir.path().display());
        let count = format!("select count(*) as n from '{}/*.csv'", dir.path().display());
        assert_eq!(csv(&format!("{}; {count}; {}; {count}", part(1), part(2))), "n\n1\nn\n2\n");
    }

    #[test]
    fn written_rows_are_counted_on_standard_error() {
        let dir = tempfile::tempdir().unwrap();
        let sql = format!("copy (select * from generate_series(1, 42)) to '{}/t.csv'", dir.path().display());
        let ran = run(&["--format", "csv", "-e", &sql]);
        assert_eq!((ran.out.as_str(), ran.err.trim(), ran.status), ("", "COPY 42", 0));
    }
}

/// With worker processes.
mod workers {
    use super::pty::Terminal;
    use super::run::*;
    use std::path::Path;
    use std::process::{Child, Stdio};
    use std::time::{Duration, Instant};

    const PATIENCE: Duration = Duration::from_secs(60);

    /// A table of so many numbers.
    fn table(dir: &Path, rows: usize) -> String {
        let path = dir.join("n.csv");
        let lines: String = (1..=rows).map(|n| format!("{n}\n")).collect();
        std::fs::write(&path, format!("x\n{lines}")).unwrap();
        path.to_str().unwrap().to_string()
    }

    /// A query over it that takes minutes.
    fn long_query(dir: &Path) -> String {
        let path = table(dir, 500_000);
        format!("select count(*) from '{path}' a, '{path}' b where a.x % 7 = b.x % 11")
    }

    /// What a script writes and its exit status are those of threads.
    #[test]
    fn scripts_are_the_same_as_with_threads() {
        let dir = tempfile::tempdir().unwrap();
        let path = table(dir.path(), 1000);
        let rows =
            format!("select x, x % 3 as k, x / 4.0 as q, 'row ' || x as t, null as n from '{path}' order by x limit 7");
        let group = format!("select x % 3 as k, count(*) as n, sum(x) as s from '{path}' group by k order by k");
        let keep = format!(
            "create view v as select x % 3 as k from '{path}'; cache table v; \
             select k, count(*) as n from v group by k order by k; uncache table v; drop view v"
        );
        let fails = [
            format!("{group}; select 100 / (x - 3) as y from '{path}'; select 1 as never"),
            format!("{group};\nselect cast('word ' || x as int) as y from '{path}'"),
            format!("select nope from '{path}'"),
        ];
        let mut sessions: Vec<Vec<&str>> = vec![
            vec!["-e", &rows],
            vec!["-q", "--format", "csv", "--no-header", "-e", &group, "-e", "select 3; select 4"],
            vec!["--format", "csv", "-e", &keep],
            vec!["--format", "csv", "-e", "show tables; describe 'missing.csv'"],
            vec!["--format", "csv", "--keep-going", "-e", &fails[0]],
        ];
        sessions.extend(fails.iter().map(|sql| vec!["--format", "csv", "-e", sql]));
        sessions.extend(["tsv", "ndjson", "json", "markdown", "vertical"].map(|of| vec!["--format", of, "-e", &rows]));
        for args in sessions {
            let [threads, processes] = ["local[2]", "process[2]"].map(|master| run_on(master, &args));
            assert_eq!((&processes.out, &processes.err), (&threads.out, &threads.err), "{args:?}");
            assert_eq!(processes.status, threads.status, "{args:?}");
        }
    }

    #[test]
    fn what_is_written_is_the_same_as_with_threads() {
        let dir = tempfile::tempdir().unwrap();
        let path = table(dir.path(), 1000);
        let [threads, processes] = ["local[2]", "process[2]"].map(|master| {
            // Brackets would be a pattern.
            let name = master.replace(['[', ']'], "");
            let [copied, output] = ["csv", "txt"].map(|end| dir.path().join(format!("{name}.{end}")));
            let sql = format!(
                "copy (select x, x * x as y from '{path}' order by x) to '{}'; select sum(x) as s from '{path}'",
                copied.display()
            );
            let ran = run_on(master, &["--output", output.to_str().unwrap(), "-e", &sql]);
            assert_eq!((ran.out.as_str(), ran.err.trim(), ran.status), ("", "COPY 1000", 0));
            [copied, output].map(|path| std::fs::read_to_string(path).unwrap())
        });
        assert_eq!(processes, threads);
    }

    #[test]
    fn ctrl_c_at_the_prompt_cancels_the_query_but_not_the_shell() {
        let dir = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::start(&["-m", "process[2]"], &[]);
        terminal.wait_for("dpark> ");
        terminal.line(&format!("{};", long_query(dir.path())));
        terminal.wait_for(" tasks "); // the progress line
        terminal.keys("\x03");
        terminal.wait_for("Cancelled");
        terminal.wait_for("dpark> ");
        terminal.line("select 1 + 1 as two;");
        terminal.wait_for("|   2 |");
        terminal.wait_for("dpark> ");
        terminal.keys("\x04");
        assert!(terminal.end().0.success());
    }

    /// A shell whose two workers run a long query, and these.
    fn busy_shell(dir: &Path, work: &Path) -> (Child, Vec<u32>) {
        let (conf, sql) = (format!("dir={}", work.display()), long_query(dir));
        let args = ["-q", "-m", "process[2]", "--conf", conf.as_str(), "-e", sql.as_str()];
        let child = shell(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until("a worker should be busy", PATIENCE, || {
            let workers = Process::children(child.id());
            workers.len() == 2 && workers.iter().any(|worker| Process::is_busy(*worker))
        });
        let workers = Process::children(child.id());
        (child, workers)
    }

    #[test]
    fn signals_end_a_script_and_its_workers() {
        for (signal, status) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
            let dir = tempfile::tempdir().unwrap();
            let work = dir.path().join("work");
            let (child, workers) = busy_shell(dir.path(), &work);
            let start = Instant::now();
            // SAFETY: a signal to a child that has not been waited for.
            unsafe { libc::kill(child.id() as i32, signal) };
            let ended = child.wait_with_output().unwrap();
            assert_eq!(ended.status.code(), Some(status), "{}", String::from_utf8_lossy(&ended.stderr));
            assert!(ended.stdout.is_empty(), "{}", String::from_utf8_lossy(&ended.stdout));
            assert!(start.elapsed() < Duration::from_secs(15), "the query should have been ended");
            assert!(!workers.iter().any(|worker| Process::lives(*worker)), "a worker is left");
            let left: Vec<_> = std::fs::read_dir(&work).unwrap().flatten().map(|entry| entry.path()).collect();
            assert!(left.is_empty(), "left behind: {left:?}");
        }
    }

    /// Nobody tells them then; they notice.
    #[test]
    fn workers_do_not_outlive_a_killed_shell() {
        let dir = tempfile::tempdir().unwrap();
        let (mut child, workers) = busy_shell(dir.path(), &dir.path().join("work"));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("the workers should end by themselves", Duration::from_secs(5), || {
            !workers.iter().any(|worker| Process::lives(*worker))
        });
    }
}

mod prompt {
    use super::pty::Terminal;

    #[test]
    fn a_statement_over_several_lines() {
        let mut terminal = Terminal::start(&[], &[]);
        terminal.wait_for("dpark> ");
        terminal.line("select 40 +");
        terminal.line("  2 as answer;");
        terminal.wait_for("| answer |");
        terminal.wait_for("|     42 |");
        terminal.wait_for("(1 row)");
        terminal.line("\\q");
        assert!(terminal.end().0.success());
    }

    #[test]
    fn ctrl_c_clears_the_line_and_cancels_the_query_but_not_the_shell() {
        let mut terminal = Terminal::start(&[], &[]);
        terminal.wait_for("dpark> ");
        terminal.keys("select 'half a");
        terminal.keys("\x03");
        terminal.wait_for("dpark> ");
        terminal.line("select count(*) from generate_series(1, 3000000) a, generate_series(1, 3000000) b where a.value % 7 = b.value % 11;");
        terminal.wait_for(" s"); // the progress line
        terminal.keys("\x03");
        terminal.wait_for("Cancelled");
        terminal.wait_for("dpark> ");
        terminal.line("select 1 + 1 as two;");
        terminal.wait_for("|   2 |");
        terminal.wait_for("dpark> ");
        terminal.keys("\x04");
        assert!(terminal.end().0.success());
    }

    #[test]
    fn two_quick_ctrl_c_on_an_empty_line_leave() {
        let mut terminal = Terminal::start(&["-q"], &[]);
        terminal.wait_for("dpark> ");
        terminal.keys("\x03");
        terminal.wait_for("quits");
        terminal.wait_for("dpark> ");
        terminal.keys("\x03");
        assert!(terminal.end().0.success());
    }

    #[test]
    fn backslash_commands() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("s.sql");
        std::fs::write(&script, "select 'from the file' as f;\nselect\n  broken;").unwrap();
        let out = dir.path().join("out.csv");
        let mut terminal = Terminal::start(&[], &[]);
        terminal.wait_for("dpark> ");
        terminal.line("create view flown as select 1 as carrier, 'x' as tail;");
        terminal.wait_for("CREATE VIEW");
        terminal.line("\\d");
        terminal.wait_for("| flown | view |");
        terminal.line("\\d flown");
        terminal.wait_for("| carrier | Int64 | no       |");
        terminal.line("\\l");
        terminal.wait_for("| public |");
        terminal.line("\\?");
        terminal.wait_for("\\timing");
        terminal.line("\\timing");
        terminal.wait_for("timing is on");
        terminal.line("\\x on");
        terminal.line("select * from flown;");
        terminal.wait_for("-[ RECORD 1 ]");
        terminal.wait_for(" s)");
        terminal.line("\\x off");
        terminal.line(&format!("\\i {}", script.display()));
        terminal.wait_for("from the file");
        terminal.wait_for("s.sql:3:3:");
        terminal.line("\\set format csv");
        terminal.line(&format!("\\o {}", out.display()));
        terminal.line("select 1 as a;");
        terminal.line("\\o");
        terminal.line("\\nonsense");
        let shown = terminal.wait_for("No command \\nonsense; \\? lists them");
        assert!(!shown.contains("External error"), "{shown}");
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "a\n1\n");
        terminal.line("\\set datafusion.execution.batch_size 99");
        terminal.line("show datafusion.execution.batch_size;");
        terminal.wait_for("batch_size,99");
        terminal.line("exit");
        assert!(terminal.end().0.success());
    }

    #[test]
    fn tab_completes() {
        let mut terminal = Terminal::start(&[], &[]);
        terminal.wait_for("dpark> ");
        terminal.line("create view flown as select 1 as carrier;");
        terminal.wait_for("CREATE VIEW");
        terminal.wait_for("dpark> ");
        terminal.keys("select carrier from flo\t");
        terminal.wait_for("flown");
        terminal.line(" where carr\t = 1;");
        terminal.wait_for("| carrier |");
        terminal.wait_for("(1 row)");
    }

    #[test]
    fn wide_results_fit_the_terminal_and_long_ones_are_capped() {
        let mut terminal = Terminal::start(&["-q"], &[]);
        terminal.wait_for("dpark> ");
        let columns: Vec<String> = (0..40).map(|n| format!("{n}{n}{n} as column_{n}")).collect();
        terminal.line(&format!("select {};", columns.join(", ")));
        terminal.wait_for("\n+");
        let shown = terminal.wait_for("columns left out");
        assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
        terminal.line("\\set maxrows 5");
        terminal.line("select * from generate_series(1, 1000000000);");
        terminal.wait_for("(first 5 rows");
    }

    #[test]
    fn the_pager_is_used_when_asked_for() {
        let mut terminal = Terminal::start(&["-q"], &[("DPARK_PAGER", "grep -c value")]);
        terminal.wait_for("dpark> ");
        terminal.line("select 1 as short;");
        terminal.wait_for("| short |");
        terminal.line("select * from generate_series(1, 3000);");
        terminal.wait_for("\n1");
        terminal.wait_for("(3000 rows)");
    }

    #[test]
    fn history_outlives_the_session() {
        let dir = tempfile::tempdir().unwrap();
        let history = dir.path().join("deep/history");
        let history = history.to_str().unwrap();
        for times in 1..=2 {
            let mut terminal = Terminal::start(&["-q"], &[("DPARK_HISTORY", history)]);
            terminal.wait_for("dpark> ");
            if times == 1 {
                terminal.line("select 'remember me' as r;");
            } else {
                terminal.keys("\x1b[A\r"); // the up arrow
            }
            terminal.wait_for("| remember me |");
            terminal.wait_for("dpark> ");
            terminal.keys("\x04");
            terminal.end();
        }
    }
}
