-- Approximate aggregates: sketches of partitions merge to slightly different numbers, so numbers may differ by 5 %.
-- Left out of every other file for this reason; nothing else here is approximate.

-- name: approx_distinct
-- check: near 0.05
select approx_distinct(g), approx_distinct(s), approx_distinct(id) from nums;

-- name: approx_distinct_by_key
-- check: near 0.05
select h, approx_distinct(id) from nums group by h order by h;

-- name: approx_median
-- check: near 0.05
select approx_median(id), approx_median(g) from nums;

-- name: approx_percentile
-- check: near 0.05
select approx_percentile_cont(0.9) within group (order by id), approx_percentile_cont(0.25) within group (order by id) from nums;

-- name: approx_percentile_by_key
-- check: near 0.05
select h, approx_percentile_cont(0.75) within group (order by id) from nums group by h order by h;
