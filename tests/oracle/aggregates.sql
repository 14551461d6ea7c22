-- Grouping, DISTINCT aggregates, filters, statistics; few and many groups.

-- name: global
select count(*), count(k), count(v), sum(v), avg(v), min(v), max(v), min(s), max(s), sum(d), avg(d), min(t), max(t) from l;

-- name: by_a_key_with_nulls
select k, count(*), count(v), sum(v), min(d), max(s) from l group by k;

-- name: by_text
select s, count(*), sum(k) from l group by s;

-- name: by_several
select k, s, h.n from (select k, s, count(*) n from l group by k, s) h where n > 1;

-- name: many_groups
select g, count(*), sum(v), avg(d), min(t), max(s) from nums group by g;

-- name: unique_groups
select id, sum(v) from nums group by id having id % 400 = 0;

-- name: few_groups_of_many
select h, count(*), sum(v), sum(d), count(distinct g) from nums group by h;

-- name: by_an_expression
select id % 7, upper(s), count(*) from nums group by id % 7, upper(s);

-- name: by_a_constant
select 'x' as c, count(*) from l group by c;

-- name: by_position_and_alias
select k + 1 as kk, count(*) from l group by 1 order by kk;

-- name: count_distinct
select count(distinct k), count(distinct s), count(distinct v), count(distinct d) from l;

-- name: count_distinct_by_key
select h, count(distinct g), count(distinct s), count(*), sum(distinct h) from nums group by h;

-- name: sum_distinct
select sum(distinct v), avg(distinct v), min(distinct v) from l;

-- name: distinct_beside_plain
select k, count(distinct s), sum(v), count(*) from l group by k;

-- name: filter_clause
select k, count(*) filter (where v > 0), sum(v) filter (where s is not null), count(distinct s) filter (where id > 50) from l group by k;

-- name: having
select g, sum(v) from nums group by g having sum(v) > 500 and count(*) > 3;

-- name: statistics
select h, stddev(v), var_pop(v), stddev_pop(v), var_samp(v) from nums group by h;

-- name: correlation
select h, corr(v, id), covar_samp(v, id), regr_slope(v, id) from nums group by h;

-- name: median_is_exact
select h, median(v), median(d) from nums group by h;

-- name: percentile_is_exact
select percentile_cont(0.25) within group (order by v) from l;

-- name: booleans
select k, bool_and(v > 0), bool_or(v > 0) from l group by k;

-- name: bits
select h, bit_and(id), bit_or(id), bit_xor(id) from nums group by h;

-- name: array_agg_in_order
select k, array_agg(id order by id desc), array_agg(s order by s nulls first, id) from l group by k;

-- name: array_agg_of_all
select array_agg(v order by id) from l;

-- name: array_agg_distinct
select k, array_agg(distinct s order by s) from l group by k;

-- name: string_agg_in_order
select k, string_agg(s, '-' order by id) from l group by k;

-- name: first_and_last_value
select k, first_value(v order by id), last_value(v order by id), nth_value(s, 2 order by id) from l group by k;

-- name: aggregate_of_an_aggregate
select n, count(*) from (select g, count(*) n from nums group by g) group by n;

-- name: aggregate_of_a_join
select a.s, b.s, count(*), sum(a.v * b.v) from l a join r b on a.k = b.k group by a.s, b.s;

-- name: min_max_of_everything
select min(i8), max(u8), min(u64), max(f32), min(utf8), max(large), min(vw), max(dict), min(bin), max(day), min(ts_s), max(ts_ns), max(ts_utc), min(dec9), max(dec38), min(dec50) from typed;

-- name: count_star_of_a_filter
select count(*) from nums where v > 0 and s like 'a%';

-- name: count_star_alone
select count(*) from nums;

-- name: count_of_columns_needs_nulls
select count(g), count(s), count(id) from nums;

-- name: grouped_nothing
-- check: empty
select k, count(*) from none group by k;

-- name: ungrouped_nothing
select count(*), count(k), sum(k), max(s), array_agg(k order by k) from none;

-- name: filter_leaves_nothing
select count(*), sum(v), count(distinct g) from nums where id < 0;

-- name: top_groups
select g, count(*) n from nums group by g order by n desc, g nulls last limit 12;
