//! Compressed files inside compressed files: their bytes lie there as they are, members, checksums and all.

use crate::support::{PACKED, Random, lines_of, member, run, stored};
use dpark_formats::Codec;

/// Small members of random text, back to back.
fn members(codec: Codec, random: &mut Random, len: usize) -> Vec<u8> {
    let text = random.text(len, 80);
    random.cut(&text, 9_000).iter().flat_map(|piece| member(codec, piece, 1)).collect()
}

#[test]
fn members_as_data_start_nothing() {
    for seed in 0..6 {
        let mut random = Random(seed);
        for codec in PACKED {
            let inner = members(codec, &mut random, 500_000);
            let level = if codec == Codec::Gzip { [0, 1, 6][seed as usize % 3] } else { 1 };
            // Once as one member, once cut up and mixed with others.
            let one = member(codec, &inner, level);
            let many: Vec<u8> = random.cut(&inner, 150_000).iter().flat_map(|c| member(codec, c, level)).collect();
            for file in [one, many] {
                for size in [30_000, 100_000, 250_000] {
                    let name = format!("a{}", codec.suffix());
                    let splits = run(async { stored(&name, &file, false).await.lines(size).await }).unwrap();
                    assert!(splits.concat() == lines_of(&inner), "{codec:?} seed {seed} size {size}");
                }
            }
        }
    }
}
