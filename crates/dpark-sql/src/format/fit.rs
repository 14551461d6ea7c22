//! Which columns of a wide table a terminal shows, and how wide.

/// A frame and blanks around each column: `| x ` and the last `|`.
const AROUND: usize = 3;
/// A column is cut to no less than this.
const LEAST: usize = 6;

/// The columns of a table as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fit {
    /// Width of each column; `None` for a column left out.
    pub(super) widths: Vec<Option<usize>>,
    /// Before which column the mark of the left-out ones stands.
    pub(super) gap: Option<usize>,
}

/// Width of the whole table.
pub(super) fn total(widths: impl IntoIterator<Item = usize>) -> usize {
    widths.into_iter().map(|width| width + AROUND).sum::<usize>() + 1
}

/// Fits columns into a terminal: first the widest are cut, then columns from the middle are left out.
pub(super) fn fit(natural: &[usize], terminal: Option<usize>) -> Fit {
    let whole = Fit { widths: natural.iter().copied().map(Some).collect(), gap: None };
    let Some(terminal) = terminal.filter(|terminal| total(natural.iter().copied()) > *terminal) else { return whole };
    let least = |column: usize| natural[column].min(LEAST);
    let mut shown: Vec<usize> = (0..natural.len()).collect();
    let mut gap = None;
    while shown.len() > 1 {
        let mark = if gap.is_some() { 1 + AROUND } else { 0 };
        if total(shown.iter().map(|c| least(*c))) + mark <= terminal {
            break;
        }
        let middle = shown.len() / 2;
        shown.remove(middle);
        gap = Some(middle);
    }
    let mark = if gap.is_some() { 1 + AROUND } else { 0 };
    let room = terminal.saturating_sub(mark);
    // The highest cap on column widths under which the table fits.
    let widest = shown.iter().map(|c| natural[*c]).max().unwrap_or(0);
    let fits = |cap: &usize| total(shown.iter().map(|c| natural[*c].min(*cap))) <= room;
    let cap = (LEAST.min(widest)..=widest).rev().find(fits).unwrap_or(LEAST.min(widest));
    let mut widths = vec![None; natural.len()];
    for column in &shown {
        widths[*column] = Some(natural[*column].min(cap));
    }
    // The first left-out column's place.
    let gap = gap.and_then(|_| widths.iter().position(Option::is_none));
    Fit { widths, gap }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(fit(&[3, 4], Some(14)), fit(&[3, 4], None));
        assert_eq!(fit(&[], Some(5)).widths, []);
    }

    #[test]
    fn the_widest_are_cut_first() {
        let fitted = fit(&[3, 50, 20], Some(60));
        assert_eq!(fitted.widths, [Some(3), Some(27), Some(20)]);
        assert_eq!(fitted.gap, None);
    }

    #[test]
    fn then_the_middle_is_left_out() {
        for terminal in 20..200 {
            let fitted = fit(&[10; 40], Some(terminal));
            let widths = fitted.widths.iter().flatten().copied();
            let mark = if fitted.gap.is_some() { 4 } else { 0 };
            assert!(total(widths) + mark <= terminal, "{terminal}: {fitted:?}");
            assert!(fitted.widths[0].is_some() && fitted.gap.is_some());
        }
    }
}
