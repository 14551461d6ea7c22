//! Closures over views are inferred as users write them.

#![allow(clippy::unwrap_used, reason = "a test")]

use dpark_rows::{BatchBuilder, Emit, Key, Row, Rows, batch::batches_of, schema_of};
use std::marker::PhantomData;

struct Data<T: Row>(Vec<T>);
struct Out<U: Row>(BatchBuilder<U>);
impl<U: Row> Out<U> {
    fn push<E: Emit<Row = U>>(&mut self, row: E) {
        self.0.push(row);
    }
}

impl<T: Row> Data<T> {
    fn map<R: Emit, F: Fn(T::View<'_>) -> R>(self, f: F) -> Data<R::Row> {
        let mut out = BatchBuilder::new(schema_of::<R::Row>(), 2);
        for batch in batches_of(&self.0, 2).unwrap() {
            Rows::<T>::of(&batch).unwrap().for_each(|row| out.push(f(row)));
        }
        Data::from(out)
    }
    fn flat_map<U: Row, F: Fn(T::View<'_>, &mut Out<U>)>(self, f: F) -> Data<U> {
        let mut out = Out(BatchBuilder::new(schema_of::<U>(), 2));
        for batch in batches_of(&self.0, 2).unwrap() {
            Rows::<T>::of(&batch).unwrap().for_each(|row| f(row, &mut out));
        }
        Data::from(out.0)
    }
    fn filter<F: Fn(T::View<'_>) -> bool>(self, f: F) -> Data<T> {
        self.flat_map(move |row, out| {
            if f(row) {
                out.push(row)
            }
        })
    }
    fn from(mut out: BatchBuilder<T>) -> Self {
        let batches = out.take_all().unwrap();
        Data(batches.iter().flat_map(|batch| Rows::<T>::of(batch).unwrap().map(T::owned).collect::<Vec<_>>()).collect())
    }
}
impl<K: Key, V: Row> Data<(K, V)> {
    fn keys(self) -> Data<K> {
        self.map(|(k, _)| K::owned(k)).cast()
    }
}
impl<T: Row> Data<T> {
    fn cast<U: Row>(self) -> Data<U> {
        let _ = PhantomData::<T>;
        Data(vec![])
    }
}

#[test]
fn closures_see_views_and_give_views() {
    let lines = Data(vec!["to be or".to_owned(), "not to be".to_owned()]);
    let words = lines.flat_map(|line, out| line.split_whitespace().for_each(|word| out.push(word)));
    let long = words.filter(|word| word.len() > 2);
    let pairs = long.map(|word| (word.to_owned(), 1u64, word.len(), Some(word.len() as f64), vec![1i32]));
    let pairs = pairs.map(|(a, b, c, d, e)| (a.to_owned(), b + c as u64, d, e.as_slice().iter().sum::<i32>()));
    assert_eq!(pairs.0, [("not".to_owned(), 4, Some(3.0), 1)]);
    let nested = pairs.map(|(a, b, ..)| ((a.to_owned(), b), [b, b], Some((true, a.to_owned()))));
    assert_eq!(nested.0, [(("not".to_owned(), 4), [4, 4], Some((true, "not".to_owned())))]);
    assert!(nested.map(|(key, pair, _)| ((key.0.to_owned(), key.1), pair)).keys().0.is_empty());
}
