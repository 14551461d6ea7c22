//! Damaged and incomplete compressed files: an error that names the file and the place, and never other lines.

use crate::support::{PACKED, Random, lines_of, member, run, stored};
use dpark_formats::{Codec, FormatError};
use proptest::prelude::*;

/// Members and where they start.
fn file(codec: Codec, text: &[u8]) -> (Vec<u8>, Vec<u64>) {
    let (mut file, mut starts) = (Vec::new(), Vec::new());
    for piece in text.chunks(40_000) {
        starts.push(file.len() as u64);
        // zstd's own default is to leave checksums out.
        if codec == Codec::Zstd {
            let mut w = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            w.include_checksum(true).unwrap();
            std::io::Write::write_all(&mut w, piece).unwrap();
            file.extend(w.finish().unwrap());
        } else {
            file.extend(member(codec, piece, 1));
        }
    }
    (file, starts)
}

fn place(error: &FormatError) -> u64 {
    match error {
        FormatError::Corrupt { place, .. } | FormatError::Truncated { place, .. } => place.offset,
        e => panic!("{e}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_flipped_bit_is_told(
        codec in prop::sample::select(&PACKED[..]), seed: u64, at: prop::sample::Index, bit in 0u8..8,
        size in prop::sample::select(vec![60_000u64, 1 << 30]),
    ) {
        let text = Random(seed).text(300_000, 100);
        let (mut file, starts) = file(codec, &text);
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        let hit = starts.iter().rev().find(|&&s| s <= at as u64).copied().unwrap();
        let name = format!("dir/a{}", codec.suffix());
        match run(async { stored(&name, &file, false).await.lines(size).await }) {
            // Bytes of a head that mean nothing for the data: name, time, operating system.
            Ok(splits) => prop_assert!(splits.concat() == lines_of(&text)),
            Err(error) => {
                prop_assert!(error.to_string().contains(&name), "{}", error);
                // A damaged head may make the member end early or late.
                let place = place(&error);
                prop_assert!(place >= hit && place <= hit + 80_000, "{} after {}: {}", place, hit, error);
            }
        }
    }

    #[test]
    fn a_cut_file_is_told(codec in prop::sample::select(&PACKED[..]), seed: u64, at: prop::sample::Index, size in 20_000u64..200_000) {
        let text = Random(seed).text(200_000, 100);
        let (mut file, starts) = file(codec, &text);
        let at = at.index(file.len() - 1) + 1;
        file.truncate(at);
        let result = run(async { stored(&format!("a{}", codec.suffix()), &file, true).await.lines(size).await });
        if starts.contains(&(at as u64)) {
            prop_assert!(result.is_ok());
        } else {
            let hit = starts.iter().rev().find(|&&s| s < at as u64).copied().unwrap();
            prop_assert_eq!(place(&result.unwrap_err()), hit);
        }
    }
}

#[test]
fn rubbish_is_told() {
    run(async {
        for codec in PACKED {
            let name = format!("a{}", codec.suffix());
            let error = stored(&name, b"plain text\n", false).await.lines(5).await.unwrap_err();
            assert_eq!(place(&error), 0);
            let one = member(codec, b"a\nb\n", 1);
            let error =
                stored(&name, &[&one[..], b"more text here"].concat(), false).await.lines(500).await.unwrap_err();
            assert_eq!(place(&error), one.len() as u64);
        }
    });
}
