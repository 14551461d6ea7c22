-- A column of every kind of type as value, key, and through a shuffle; decimals keep scale and precision.

-- name: as_they_are
select * from typed;

-- name: in_order
select * from typed order by id desc;

-- name: integers_as_keys
select i8, i16, u8, u32, u64, count(*) from typed group by i8, i16, u8, u32, u64;

-- name: texts_as_keys
select utf8, large, vw, count(*) from typed group by utf8, large, vw;

-- name: dictionary_as_key
select dict, count(*), min(id) from typed group by dict;

-- name: dictionary_join
select a.id, b.id from typed a join typed b on a.dict = b.dict where a.id < 30;

-- name: dictionary_against_text
select a.id, b.id from typed a join l b on a.dict = b.s where a.id < 10;

-- name: dictionary_made_by_cast
select d, count(*) from (select arrow_cast(s, 'Dictionary(Int32, Utf8)') as d from nums) group by d;

-- name: dictionaries_of_several_kinds
select arrow_cast(utf8, 'Dictionary(Int8, Utf8)') as a, arrow_cast(vw, 'Dictionary(UInt16, LargeUtf8)') as b, arrow_typeof(dict) as t, id from typed;

-- name: dictionary_distinct_and_order
select distinct dict from typed order by dict nulls first;

-- name: dictionary_window
select id, row_number() over (partition by dict order by id) from typed;

-- name: views_through_a_join
select a.vw, b.vw, a.id, b.id from typed a join typed b on a.vw = b.vw where a.id % 3 = 0;

-- name: long_views
select arrow_cast(repeat(s, 20), 'Utf8View') as w, count(*) from nums group by w;

-- name: long_views_through_a_shuffle
select a.id, arrow_cast(concat(a.s, a.s, '-', b.s), 'Utf8View') as w from l a join r b on a.k = b.k;

-- name: binary_as_key
select bin, count(*) from typed group by bin;

-- name: binary_view
select arrow_cast(bin, 'BinaryView') as w, count(*) from typed group by w;

-- name: booleans
select b, count(*), count(*) filter (where b is not true) from typed group by b;

-- name: boolean_join
select a.id, b.id from typed a join typed b on a.b = b.b where a.id < 10 and b.id > 100;

-- name: days
select day, count(*) from typed group by day;

-- name: moments_of_every_unit
select ts_s, ts_ns, ts_utc, count(*) from typed group by ts_s, ts_ns, ts_utc;

-- name: decimal_keys
select dec9, dec38, dec50, count(*) from typed group by dec9, dec38, dec50;

-- name: decimal_sums
select b, sum(dec9), sum(dec38), avg(dec9), avg(dec38), min(dec50), max(dec50) from typed group by b;

-- name: decimal_arithmetic
select id, d + 1, d * 2, d * d, d / 3, d % 7, -d, abs(d), round(d, 1) from l;

-- name: decimal_comparisons
select id from l where d between -100.5 and 2500.75;

-- name: decimal_join
select a.id, b.id from typed a join typed b on a.dec9 = b.dec38;

-- name: decimal_casts
select id, cast(d as decimal(20, 4)) as a, cast(d as bigint) as b, cast(d as double) as c, cast(v as decimal(10, 1)) as e from l;

-- name: decimals_in_order
select d, id from l order by d desc nulls last, id;

-- name: integer_arithmetic
select id, k + 1, k * k, k / 7, k % 7, -k, k << 2, k & 5, k | 8 from l;

-- name: unsigned_arithmetic
select id, u64 + 1, u8 * 2, u32 / 3, u64 % 4 from typed;

-- name: halves
select arrow_cast(v, 'Float32') as f, count(*) from l group by f;

-- name: intervals
select interval '1 month 2 days' as i, k from l where id < 5;

-- name: interval_as_key
select i, count(*) from (select case when k > 20 then interval '1 day' else interval '2 hours' end as i from l) group by i;

-- name: durations
select a.id, a.t - b.t as gap from l a join r b on a.k = b.k;

-- name: duration_sums
select k, max(t) - min(t) from l group by k;

-- name: nulls_of_no_type
select null as n, k from l;

-- name: null_as_key
select n, count(*) from (select null as n from l) group by n;

-- name: fixed_size_things
select arrow_cast(make_array(k, id), 'FixedSizeList(2, Int64)') as f, id from l;

-- name: large_list
select arrow_cast(xs, 'LargeList(Int64)') as f, count(*) from nested group by f;

-- name: times_of_day
select arrow_cast(cast(t as time), 'Time64(Nanosecond)') as c, count(*) from l group by c;
