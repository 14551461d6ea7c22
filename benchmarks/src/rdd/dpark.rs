//! DPark's own side of the RDD tasks: not written yet, and so not among the engines.
//!
//! It is a function for each task, from a context and the data directory to the answer, like those of `single`:
//!
//! | task | reads | ends with |
//! | --- | --- | --- |
//! | words | `words.txt` as lines | `Answer::words` of all counts, collected |
//! | sort | `records.bin` as records of 100 bytes | `Answer::sort` of `Sorted::of` each partition, in the order of partitions |
//! | join | `left.parquet`, `right.parquet` as pairs | `Answer::join` of count and sum, added up in the tasks |
//! | group | `groups.parquet` as pairs | `Answer::group` of key, length and sum of each group, collected |
//! | kmeans | `points.parquet` as `[f64; 10]`, cached | `Answer::kmeans` of the centres, which begin as the first 10 points |
//! | pagerank | `edges.parquet` as pairs, grouped by source and cached | `Answer::pagerank` of count, sum and greatest rank |
//!
//! A rank begins as 1 and becomes 0.15 + 0.85 of what the sources of its edges give; each gives its rank in equal parts.
