//! When two outcomes are the same.
//!
//! - Rows: the same columns (name and type) and the same rows as multisets; under `ORDER BY` also the same sequence of
//!   keys. Under a `LIMIT` that leaves a choice (no `ORDER BY`, or ties at the end): as many rows, the same keys, and
//!   every row one of those without the limit. Floating-point cells may differ in their last digits, because a sum depends on the order of its terms.
//! - Cells made by `array_agg` or `string_agg` without an `ORDER BY` inside: the same elements in any order.
//! - Errors: the same message after [`message`], which is the whole list of what may differ.

use super::engine::{Answer, Outcome};
use arrow::datatypes::DataType;
use std::cmp::Ordering;

/// Relative difference up to which two `Float64` cells are the same.
const F64_TOLERANCE: f64 = 1e-9;
/// The same for `Float16` and `Float32`.
const F32_TOLERANCE: f64 = 1e-4;

/// `Ok`, or how the second outcome of a statement differs from the first.
pub fn compare(sql: &str, expected: &Outcome, actual: &Outcome) -> Result<(), String> {
    let difference = match exact(expected, actual) {
        Err(difference) if collects_in_any_order(sql) => difference,
        result => return result,
    };
    exact(&in_one_order(expected), &in_one_order(actual)).map_err(|_| difference)
}

/// Whether a statement collects values without saying in which order.
fn collects_in_any_order(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    let calls = ["array_agg(", "string_agg("]
        .into_iter()
        .flat_map(|call| sql.match_indices(call).map(|(start, _)| &sql[start + call.len()..]).collect::<Vec<_>>());
    calls.into_iter().any(|rest| {
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        !rest[..end.unwrap_or(rest.len())].contains("order by")
    })
}

/// The outcome with the elements of each cell sorted.
fn in_one_order(outcome: &Outcome) -> Outcome {
    let Outcome::Rows(answer) = outcome else { return outcome.clone() };
    let sort = |cell: &String| {
        let mut elements: Vec<&str> = cell.split(['[', ']', ',', ' ']).filter(|element| !element.is_empty()).collect();
        elements.sort_unstable();
        elements.join(",")
    };
    let rows = |rows: &Vec<Vec<String>>| rows.iter().map(|row| row.iter().map(sort).collect()).collect();
    Outcome::Rows(Answer { rows: rows(&answer.rows), unlimited: answer.unlimited.as_ref().map(rows), ..answer.clone() })
}

fn exact(expected: &Outcome, actual: &Outcome) -> Result<(), String> {
    match (expected, actual) {
        (Outcome::Rows(expected), Outcome::Rows(actual)) => answers(expected, actual),
        (Outcome::Failed(expected), Outcome::Failed(actual)) => {
            let (expected, actual) = (message(expected), message(actual));
            if expected == actual { Ok(()) } else { Err(format!("error {expected:?}, here {actual:?}")) }
        }
        (Outcome::Skipped, Outcome::Skipped) => Ok(()),
        (expected, actual) => Err(format!("{}, here {}", brief(expected), brief(actual))),
    }
}

/// What is compared of an error: its message without
/// - the words that only wrap another error (`External error:`, `Context`, `Arrow error:` …), wherever they stand;
/// - differences of blank space;
/// - the suggestion behind `Did you mean`, which is any of several equally near names;
/// - the operator's insides behind the name of an operator that cannot run over an endless input;
/// - the catalog of a path in `FROM` where nothing lies, for which the engine has words of its own;
/// - the file of damaged data, which only DPark tells;
/// - for exhausted memory everything behind that fact: which consumer asks first, and for how much, depends on timing.
pub fn message(text: &str) -> String {
    const WRAPPERS: [&str; 6] = [
        "DataFusion error: ",
        "External error: ",
        "Execution error: ",
        "Arrow error: ",
        "Error during planning: ",
        "Shared error: ",
    ];
    const EXHAUSTED: &str = "Resources exhausted";
    if text.contains(EXHAUSTED) {
        return EXHAUSTED.to_owned();
    }
    let bare = WRAPPERS.iter().fold(text.to_owned(), |text, wrapper| text.replace(wrapper, ""));
    let bare = bare.split("Did you mean ").next().unwrap_or_default().trim_end();
    let bare = bare.split(" (in the file ").next().unwrap_or_default();
    missing_path(bare).unwrap_or_else(|| endless_input(bare).split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What both engines mean where nothing lies at a path: the path.
fn missing_path(text: &str) -> Option<String> {
    let datafusion = || text.strip_prefix("table 'datafusion.public.")?.strip_suffix("' not found");
    let engine = || Some(text.strip_prefix("No data file matches '")?.split_once("' (known are ")?.0);
    let path = datafusion().or_else(engine).filter(|path| path.contains('/'))?;
    Some(format!("no data file at {path}"))
}

/// The message without the operator's fields, which depend on the plan around it.
fn endless_input(text: &str) -> &str {
    let cut = || {
        let (_, operator) = text.split_once("Cannot execute pipeline breaking queries, operator: ")?;
        let (_, fields) = operator.split_once(" {")?;
        text.strip_suffix(fields)
    };
    cut().unwrap_or(text)
}

/// An outcome in a few words.
fn brief(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Rows(answer) => format!("{} rows", answer.rows.len()),
        Outcome::Failed(error) => format!("error {:?}", error.chars().take(300).collect::<String>()),
        Outcome::Skipped => "skipped".to_owned(),
    }
}

/// `Ok`, or how the second answer differs from the first.
pub fn answers(expected: &Answer, actual: &Answer) -> Result<(), String> {
    if expected.columns != actual.columns {
        return Err(format!("columns {:?}, here {:?}", expected.columns, actual.columns));
    }
    if expected.rows.len() != actual.rows.len() {
        return Err(format!("{} rows, here {}", expected.rows.len(), actual.rows.len()));
    }
    let tolerances: Vec<Option<f64>> = expected.columns.iter().map(|(_, kind)| tolerance(kind)).collect();
    if let Some(keys) = &expected.order {
        for (index, (left, right)) in expected.rows.iter().zip(&actual.rows).enumerate() {
            // A cell with line breaks is printed as rows of its own, of one column.
            let key = |row: &[String]| keys.iter().map_while(|&key| row.get(key).cloned()).collect::<Vec<_>>();
            let key_tolerances: Vec<_> = keys.iter().map(|&key| tolerances[key]).collect();
            if !same_row(&key(left), &key(right), &key_tolerances) {
                return Err(format!("row {index} is {left:?}, here {right:?}, and ORDER BY sets them apart"));
            }
        }
    }
    let same = |left: &[String], right: &[String]| same_row(left, right, &tolerances);
    let (wanted, given) = (sorted(&expected.rows, &tolerances), sorted(&actual.rows, &tolerances));
    let Some((left, right)) = wanted.iter().zip(&given).find(|(left, right)| !same(left, right)) else {
        return Ok(());
    };
    if let Some(unlimited) = &expected.unlimited {
        let mut all = sorted(unlimited, &tolerances).into_iter();
        if given.iter().all(|row| all.any(|candidate| same(candidate, row))) {
            return Ok(());
        }
    }
    Err(format!("a row {left:?}, here {right:?}"))
}

fn tolerance(kind: &DataType) -> Option<f64> {
    match kind {
        DataType::Float64 => Some(F64_TOLERANCE),
        DataType::Float16 | DataType::Float32 => Some(F32_TOLERANCE),
        _ => None,
    }
}

/// The rows by their exact cells first, so that nearly equal numbers do not change who is compared with whom.
fn sorted<'a>(rows: &'a [Vec<String>], tolerances: &[Option<f64>]) -> Vec<&'a Vec<String>> {
    let exact = |row: &'a Vec<String>| {
        let cells = row.iter().enumerate().filter(|(column, _)| tolerances.get(*column).copied().flatten().is_none());
        cells.map(|(_, cell)| cell).collect::<Vec<_>>()
    };
    let by_value = |left: &Vec<String>, right: &Vec<String>| {
        left.iter().zip(right).fold(Ordering::Equal, |order, (left, right)| {
            order.then_with(|| match (left.parse::<f64>(), right.parse::<f64>()) {
                (Ok(left), Ok(right)) => left.total_cmp(&right),
                _ => left.cmp(right),
            })
        })
    };
    let mut rows: Vec<&Vec<String>> = rows.iter().collect();
    rows.sort_by(|left, right| exact(left).cmp(&exact(right)).then_with(|| by_value(left, right)));
    rows
}

fn same_row(left: &[String], right: &[String], tolerances: &[Option<f64>]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).enumerate().all(|(column, (left, right))| {
            left == right
                || tolerances.get(column).copied().flatten().is_some_and(|tolerance| close(left, right, tolerance))
        })
}

fn close(left: &str, right: &str, tolerance: f64) -> bool {
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => (left - right).abs() <= tolerance * left.abs().max(right.abs()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kinds: &[DataType], rows: &[&[&str]], order: Option<Vec<usize>>) -> Outcome {
        let columns = kinds.iter().enumerate().map(|(index, kind)| (format!("c{index}"), kind.clone())).collect();
        let rows = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        Outcome::Rows(Answer { columns, rows, order, unlimited: None })
    }

    #[test]
    fn rows_are_multisets() {
        let kinds = [DataType::Int64];
        let expected = answer(&kinds, &[&["1"], &["2"], &["2"]], None);
        assert!(compare("", &expected, &answer(&kinds, &[&["2"], &["1"], &["2"]], None)).is_ok());
        assert!(compare("", &expected, &answer(&kinds, &[&["2"], &["1"], &["1"]], None)).is_err());
        assert!(compare("", &expected, &answer(&kinds, &[&["1"], &["2"]], None)).is_err());
        assert!(compare("", &expected, &answer(&[DataType::Int32], &[&["1"], &["2"], &["2"]], None)).is_err());
    }

    #[test]
    fn keys_keep_their_order_and_ties_do_not() {
        let kinds = [DataType::Int64, DataType::Utf8];
        let expected = answer(&kinds, &[&["1", "a"], &["1", "b"], &["2", "c"]], Some(vec![0]));
        assert!(compare("", &expected, &answer(&kinds, &[&["1", "b"], &["1", "a"], &["2", "c"]], None)).is_ok());
        assert!(compare("", &expected, &answer(&kinds, &[&["2", "c"], &["1", "a"], &["1", "b"]], None)).is_err());
    }

    #[test]
    fn a_limit_may_cut_ties_anywhere() {
        let kinds = [DataType::Int64, DataType::Utf8];
        let Outcome::Rows(mut expected) = answer(&kinds, &[&["1", "a"], &["2", "b"]], Some(vec![0])) else {
            unreachable!()
        };
        let cells = |key: &str, value: &str| vec![key.to_owned(), value.to_owned()];
        expected.unlimited = Some(vec![cells("1", "a"), cells("2", "b"), cells("2", "c"), cells("3", "d")]);
        let expected = Outcome::Rows(expected);
        assert!(compare("", &expected, &answer(&kinds, &[&["1", "a"], &["2", "c"]], None)).is_ok());
        assert!(compare("", &expected, &answer(&kinds, &[&["1", "a"], &["2", "x"]], None)).is_err());
        assert!(compare("", &expected, &answer(&kinds, &[&["1", "a"], &["3", "d"]], None)).is_err());
        assert!(compare("", &expected, &answer(&kinds, &[&["1", "a"]], None)).is_err());
    }

    #[test]
    fn floats_may_differ_in_the_last_digits_only() {
        let kinds = [DataType::Float64, DataType::Utf8];
        let expected = answer(&kinds, &[&["0.3", "b"], &["0.30000000000001", "a"]], None);
        assert!(compare("", &expected, &answer(&kinds, &[&["0.3", "a"], &["0.3", "b"]], None)).is_ok());
        assert!(compare("", &expected, &answer(&kinds, &[&["0.3001", "a"], &["0.3", "b"]], None)).is_err());
        assert!(compare("", &expected, &answer(&kinds, &[&["NaN", "a"], &["0.3", "b"]], None)).is_err());
    }

    #[test]
    fn collected_values_have_an_order_only_if_asked_for() {
        let kinds = [DataType::Utf8];
        let expected = answer(&kinds, &[&["[1, 3, NULL]"]], None);
        let other = answer(&kinds, &[&["[NULL, 1, 3]"]], None);
        assert!(compare("SELECT array_agg(f(x)) FROM t", &expected, &other).is_ok());
        assert!(compare("SELECT array_agg(f(x)) FROM t", &expected, &answer(&kinds, &[&["[1, 3]"]], None)).is_err());
        assert!(compare("SELECT array_agg(f(x) ORDER BY y) FROM t", &expected, &other).is_err());
        assert!(compare("SELECT x FROM t", &expected, &other).is_err());
    }

    #[test]
    fn errors_are_compared_without_their_wrapping() {
        let failed = |text: &str| Outcome::Failed(text.to_owned());
        let expected = failed("DataFusion error: Arrow error: Divide by zero error");
        assert!(compare("", &expected, &failed("DataFusion error: External error: Divide by zero error")).is_ok());
        assert!(compare("", &expected, &failed("DataFusion error: Arrow error: Cast error")).is_err());
        let unknown = failed("Invalid function 'abs'.\nDid you mean 'cos'?");
        assert!(compare("", &unknown, &failed("Invalid function 'abs'.\nDid you mean 'acos'?")).is_ok());
        assert!(compare("", &unknown, &failed("Invalid function 'abd'.\nDid you mean 'cos'?")).is_err());
        assert!(compare("", &expected, &answer(&[], &[], None)).is_err());
    }

    #[test]
    fn a_path_without_files_is_one_error_in_two_wordings() {
        let failed = |text: &str| Outcome::Failed(text.to_owned());
        let expected =
            failed("DataFusion error: Error during planning: table 'datafusion.public.../a/b.csv' not found");
        let here = |path: &str| failed(&format!("DataFusion error: No data file matches '{path}' (known are csv)"));
        assert!(compare("", &expected, &here("../a/b.csv")).is_ok());
        assert!(compare("", &expected, &here("../a/c.csv")).is_err());
        let table = failed("DataFusion error: Error during planning: table 'datafusion.public.b.csv' not found");
        assert!(compare("", &table, &here("b.csv")).is_err());
    }

    #[test]
    fn an_operator_over_an_endless_input_is_named_without_its_fields() {
        let failed =
            |operator: &str| Outcome::Failed(format!("Cannot execute pipeline breaking queries, operator: {operator}"));
        assert!(compare("", &failed("SortExec { a: 1 }"), &failed("SortExec { a: 2 }")).is_ok());
        assert!(compare("", &failed("SortExec { a: 1 }"), &failed("JoinExec { a: 1 }")).is_err());
    }
}
