//! RecordIO: whatever the pieces, the records come out whole; whatever the garbage, it is an error and no more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use mesos_rs::recordio::{Decoder, RecordError, encode};
use proptest::prelude::*;

fn drain(decoder: &mut Decoder) -> Result<Vec<Vec<u8>>, RecordError> {
    let mut records = Vec::new();
    while let Some(record) = decoder.next_record()? {
        records.push(record.to_vec());
    }
    Ok(records)
}

proptest! {
    #[test]
    fn records_survive_any_cutting(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        cuts in prop::collection::vec(1usize..64, 1..200),
    ) {
        let stream: Vec<u8> = records.iter().flat_map(|record| encode(record)).collect();
        let mut decoder = Decoder::new(200);
        let (mut found, mut rest, mut cuts) = (Vec::new(), stream.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            decoder.push(piece);
            found.extend(drain(&mut decoder).unwrap());
            rest = after;
        }
        prop_assert_eq!(found, records);
        prop_assert_eq!(decoder.finish(), Ok(()));
    }

    #[test]
    fn a_stream_that_ends_early_is_noticed(record in prop::collection::vec(any::<u8>(), 1..100), keep in 0.0..1.0f64) {
        let stream = encode(&record);
        let kept = ((stream.len() as f64 * keep) as usize).clamp(1, stream.len() - 1);
        let mut decoder = Decoder::default();
        decoder.push(&stream[..kept]);
        prop_assert_eq!(decoder.next_record(), Ok(None));
        let truncated = matches!(decoder.finish(), Err(RecordError::Truncated { .. }));
        prop_assert!(truncated);
    }

    #[test]
    fn garbage_never_panics_and_errors_stay(garbage in prop::collection::vec(any::<u8>(), 0..300), more in any::<Vec<u8>>()) {
        let mut decoder = Decoder::new(100);
        decoder.push(&garbage);
        if let Err(error) = drain(&mut decoder) {
            decoder.push(&more);
            prop_assert_eq!(decoder.next_record(), Err(error.clone()));
            prop_assert_eq!(decoder.finish(), Err(error));
        }
    }

    #[test]
    fn digits_and_newlines_never_panic(text in "[0-9\n]{0,80}") {
        let mut decoder = Decoder::new(10);
        for byte in text.bytes() {
            decoder.push(&[byte]);
            if drain(&mut decoder).is_err() {
                break;
            }
        }
    }
}

#[test]
fn a_length_above_the_limit_is_refused_before_the_record_comes() {
    let mut decoder = Decoder::new(1000);
    decoder.push(b"1000\n");
    assert_eq!(decoder.next_record(), Ok(None));

    for (length, value) in [("1001", 1001), ("18446744073709551615", u64::MAX), ("99999999999999999999", u64::MAX)] {
        let mut decoder = Decoder::new(1000);
        decoder.push(format!("{length}\n").as_bytes());
        assert_eq!(decoder.next_record(), Err(RecordError::TooLong { length: value, limit: 1000 }));
    }
}

#[test]
fn lengths_that_are_none_are_refused() {
    for bad in ["\n", "x\n", "-1\n", "+1\n", " 1\n", "1 \n", "1\r\n", "0x10\n", "111111111111111111111\n"] {
        let mut decoder = Decoder::default();
        decoder.push(bad.as_bytes());
        assert!(matches!(decoder.next_record(), Err(RecordError::BadLength { .. })), "{bad:?}");
    }
    // Without end, too: 21 digits are no length any more.
    let mut decoder = Decoder::default();
    decoder.push(b"111111111111111111111");
    assert!(decoder.next_record().is_err());
}
