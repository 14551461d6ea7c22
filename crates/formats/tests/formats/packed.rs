//! Compressed text of one member and of many.

use crate::support::{PACKED, Random, lines_of, member, run, stored};
use dpark_formats::{Codec, LineWriter, read_whole};
use proptest::prelude::*;

fn codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(&PACKED[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_members_and_splits_give_the_lines_of_the_file(
        codec in codec(),
        seed: u64,
        len in 0usize..700_000,
        longest_line in prop::sample::select(vec![3usize, 60, 5_000, 200_000]),
        longest_member in prop::sample::select(vec![100usize, 5_000, 60_000, 400_000]),
        size in prop::sample::select(vec![500u64, 20_000, 70_000, 150_000, 1 << 30]),
        on_disk in prop::bool::weighted(0.2),
    ) {
        // Many members in many splits take long and show no more.
        let len = len.min(longest_member * 200).min(size as usize * 60);
        let mut random = Random(seed);
        let text = random.text(len, longest_line);
        let level = 1 + random.below(3) as u32;
        let file: Vec<u8> = random.cut(&text, longest_member).iter().flat_map(|piece| member(codec, piece, level)).collect();
        let name = format!("a{}", codec.suffix());
        let splits = run(async { stored(&name, &file, on_disk).await.lines(size).await }).unwrap();
        prop_assert!(splits.concat() == lines_of(&text));
    }

    #[test]
    fn one_member_is_read_by_the_first_split(codec in codec(), seed: u64, len in 1usize..300_000, size in 5_000u64..100_000) {
        let text = Random(seed).text(len, 100);
        let name = format!("a{}", codec.suffix());
        let splits = run(async { stored(&name, &member(codec, &text, 1), false).await.lines(size).await }).unwrap();
        prop_assert!(splits[0] == lines_of(&text));
        prop_assert!(splits[1..].iter().all(Vec::is_empty));
    }
}

#[test]
fn members_may_start_exactly_where_splits_do() {
    for codec in PACKED {
        let mut random = Random(11);
        let mut members = vec![];
        let mut text = vec![];
        // Members of one length, by keeping those that happen to have it.
        while members.len() < 40 {
            let piece = random.text(20_000, 60);
            let packed = member(codec, &piece, 1);
            let length = members.first().map_or(packed.len(), Vec::len);
            if packed.len() == length {
                text.extend(piece);
                members.push(packed);
            }
        }
        let (name, size) = (format!("a{}", codec.suffix()), members[0].len() as u64);
        for on_disk in [false, true] {
            let splits = run(async { stored(&name, &members.concat(), on_disk).await.lines(size).await }).unwrap();
            assert!(splits.concat() == lines_of(&text), "{codec:?}");
        }
    }
}

#[test]
fn what_is_written_is_split_again() {
    for codec in PACKED {
        let text = Random(7).text(4_000_000, 100);
        let lines = lines_of(&text);
        let mut writer = LineWriter::new(Vec::new(), codec).unwrap();
        lines.iter().for_each(|line| writer.line(line).unwrap());
        let file = writer.finish().unwrap();
        run(async {
            let f = stored(&format!("a{}", codec.suffix()), &file, false).await;
            let splits = f.lines(file.len() as u64 / 3 + 1).await.unwrap();
            let sizes: Vec<usize> = splits.iter().map(Vec::len).collect();
            assert!(splits.concat() == lines, "{codec:?}");
            assert!(sizes.len() == 3 && sizes.iter().all(|&n| n > lines.len() / 5), "{codec:?} {sizes:?}");
        });
    }
}

#[test]
fn nothing_written_is_an_empty_file() {
    for codec in PACKED {
        let file = LineWriter::new(Vec::new(), codec).unwrap().finish().unwrap();
        run(async {
            let f = stored(&format!("a{}", codec.suffix()), &file, false).await;
            assert!(f.lines(5).await.unwrap().concat().is_empty());
            assert!(read_whole(f.store.clone(), &f.file, None).await.unwrap().bytes.is_empty());
        });
    }
}

#[test]
fn a_file_without_bytes_has_no_split() {
    run(async {
        for name in ["a", "a.gz", "a.bz2", "a.zst"] {
            let f = stored(name, b"", false).await;
            assert!(f.splits(10).is_empty());
            assert!(read_whole(f.store.clone(), &f.file, None).await.unwrap().bytes.is_empty());
        }
    });
}

#[test]
fn whole_files_are_unpacked() {
    run(async {
        for codec in PACKED {
            let text = Random(3).text(3_000_000, 100);
            let file = [member(codec, &text[..1_000_000], 1), member(codec, &text[1_000_000..], 1)].concat();
            let f = stored(&format!("a{}", codec.suffix()), &file, true).await;
            assert!(read_whole(f.store.clone(), &f.file, None).await.unwrap().bytes == text);
            assert!(read_whole(f.store.clone(), &f.file, Some(Codec::Plain)).await.unwrap().bytes == file);
        }
    });
}

#[test]
fn skippable_frames_and_padding_are_passed_over() {
    run(async {
        let text = Random(5).text(400_000, 50);
        let skip = [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9];
        let frames: Vec<u8> =
            text.chunks(30_000).flat_map(|c| [&skip[..], &member(Codec::Zstd, c, 1)].concat()).collect();
        let splits = stored("a.zst", &frames, false).await.lines(50_000).await.unwrap();
        assert!(splits.concat() == lines_of(&text));
        assert!(splits[1..3].iter().all(|lines| !lines.is_empty()));
        let mut padded = member(Codec::Gzip, b"a\nb", 6);
        padded.extend([0; 3000]);
        assert_eq!(stored("a.gz", &padded, false).await.lines(1 << 20).await.unwrap().concat(), [b"a", b"b"]);
    });
}
