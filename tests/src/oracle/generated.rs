//! Joins and subquery predicates over every pair of tables that may matter, spelled out by code.
//!
//! Written by hand such tables have holes just where the mistakes are: a kind of join × a kind of condition × an
//! empty, all-NULL or single-row side, on either side.

use super::queries::{Check, Queries, Query};

/// Every generated group.
pub fn all() -> Vec<Queries> {
    vec![joins(), memberships()]
}

/// Pairs of tables: both of use, and each kind of odd one on either side.
const PAIRS: [(&str, &str); 10] = [
    ("l", "r"),
    ("r", "l"),
    ("l", "nn"),
    ("l", "nul"),
    ("nul", "l"),
    ("l", "none"),
    ("none", "l"),
    ("one", "l"),
    ("l", "one"),
    ("none", "none"),
];

/// Whether DataFusion 55.2 panics in this query when it joins by sort and merge, in one process too: where such a join also
/// projects and its filter needs a column that is not in the output (`sort_merge_join/filter.rs`: index out of bounds).
/// The trial `sort_merge_join_still_panics_in_one_process` fails as soon as that is repaired; then this goes.
pub fn breaks_sort_merge_join(query: &str) -> bool {
    let projecting = ["_inner_", "_left_", "_right_", "_full_"].iter().any(|kind| query.contains(kind));
    projecting && query.ends_with("_mixed") && !query.contains("_semi_") && !query.contains("_anti_")
}

/// A query of that kind over three partitions.
pub const BREAKS_SORT_MERGE_JOIN: &str =
    "select a.id, a.k, a.s, b.id, b.k, b.v from l a join r b on a.k = b.k and a.v < b.v and a.d is not null";

fn joins() -> Queries {
    const KINDS: [(&str, &str, &str); 9] = [
        ("inner", "join", "a.id, a.k, a.s, b.id, b.k, b.v"),
        ("left", "left join", "a.id, a.k, a.s, b.id, b.k, b.v"),
        ("right", "right join", "a.id, a.k, a.s, b.id, b.k, b.v"),
        ("full", "full join", "a.id, a.k, a.s, b.id, b.k, b.v"),
        ("left_semi", "left semi join", "a.id, a.k, a.s"),
        ("left_anti", "left anti join", "a.id, a.k, a.s"),
        ("right_semi", "right semi join", "b.id, b.k, b.v"),
        ("right_anti", "right anti join", "b.id, b.k, b.v"),
        ("cross", "cross join", "a.id, b.id"),
    ];
    const CONDITIONS: [(&str, &str); 5] = [
        ("equal", "a.k = b.k"),
        ("two_keys", "a.k = b.k and a.s = b.s"),
        ("not_distinct", "(a.k is not distinct from b.k) and a.id % 7 = b.id % 7"),
        ("non_equi", "a.v < b.v - 440 or a.k > b.k + 50"),
        ("mixed", "a.k = b.k and a.v < b.v and a.d is not null"),
    ];
    let mut queries = Vec::new();
    for (left, right) in PAIRS {
        for (kind, join, columns) in KINDS {
            if kind == "cross" {
                // Without a condition: small sides, else the answer is all there is to measure.
                let sql = format!(
                    "select {columns} from (select * from {left} where id % 12 = 0) a {join} \
                     (select * from {right} where id % 9 = 0) b"
                );
                queries.push(query(format!("{left}_cross_{right}"), sql));
                continue;
            }
            for (name, condition) in CONDITIONS {
                let sql = format!("select {columns} from {left} a {join} {right} b on {condition}");
                queries.push(query(format!("{left}_{kind}_{right}_{name}"), sql));
            }
        }
    }
    Queries { name: "join_matrix".to_owned(), setup: Vec::new(), queries }
}

/// `[NOT] IN` and `[NOT] EXISTS`, as a filter and inside `OR` (a mark join), plain and correlated.
fn memberships() -> Queries {
    const TABLES: [&str; 6] = ["l", "r", "nn", "nul", "none", "one"];
    const FORMS: [(&str, &str); 12] = [
        ("in", "a.k in (select b.k from {b} b)"),
        ("not_in", "a.k not in (select b.k from {b} b)"),
        ("not_in_few", "a.k not in (select b.k from {b} b where b.k < 25)"),
        ("not_in_correlated", "a.k not in (select b.k from {b} b where b.id % 5 = a.id % 5)"),
        ("not_in_correlated_range", "a.k not in (select b.k from {b} b where b.v > a.v)"),
        ("exists", "exists (select 1 from {b} b where b.k = a.k)"),
        ("not_exists", "not exists (select 1 from {b} b where b.k = a.k)"),
        ("not_exists_range", "not exists (select 1 from {b} b where b.v > a.v + 200)"),
        ("mark_in", "a.id % 10 = 1 or a.k in (select b.k from {b} b)"),
        ("mark_not_in", "a.id % 10 = 1 or a.k not in (select b.k from {b} b where b.k is not null)"),
        ("mark_not_in_null", "a.id % 10 = 1 or a.k not in (select b.k from {b} b)"),
        ("mark_exists", "a.id % 10 = 1 or exists (select 1 from {b} b where b.k = a.k and b.v < a.v)"),
    ];
    let mut queries = Vec::new();
    for outer in TABLES {
        for inner in TABLES {
            for (name, form) in FORMS {
                let predicate = form.replace("{b}", inner);
                let sql = format!("select a.id, a.k, a.s from {outer} a where {predicate}");
                let mut query = query(format!("{outer}_{name}_{inner}"), sql);
                if name == "not_in_correlated" {
                    // DataFusion 55 refuses a null-aware anti join with a second key, and so do we, in the same words.
                    query.check = Check::Error;
                }
                queries.push(query);
            }
        }
    }
    Queries { name: "membership_matrix".to_owned(), setup: Vec::new(), queries }
}

fn query(name: String, sql: String) -> Query {
    // Over empty sides many answers are rightly empty.
    Query { name, sql, check: Check::Rows { empty: None } }
}
