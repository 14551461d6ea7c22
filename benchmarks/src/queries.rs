//! The query texts: `sql/tpch/qNN.sql`, the same files that the tests and the documents use.

use crate::Result;
use std::fs;
use std::path::Path;

/// How many there are.
pub(crate) const COUNT: usize = 22;

/// Query `number` as it reads at this scale: Q11's fraction depends on it, see `sql/tpch/README.md`.
pub(crate) fn text(number: usize, scale: f64) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../sql/tpch/q{number:02}.sql"));
    let sql = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if number == 11 { with_fraction(&sql, scale) } else { Ok(sql) }
}

fn with_fraction(sql: &str, scale: f64) -> Result<String> {
    let written = "* 0.0001";
    if sql.matches(written).count() != 1 {
        return Err("Q11 has not exactly one fraction to replace, see sql/tpch/README.md".into());
    }
    let fraction = format!("{:.12}", 0.0001 / scale);
    Ok(sql.replace(written, &format!("* {}", fraction.trim_end_matches('0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_follows_the_scale() {
        assert_eq!(with_fraction("x * 0.0001\n)", 10.0).unwrap(), "x * 0.00001\n)");
        assert_eq!(with_fraction("x * 0.0001\n)", 1.0).unwrap(), "x * 0.0001\n)");
        assert!(with_fraction("x", 1.0).is_err());
    }
}
