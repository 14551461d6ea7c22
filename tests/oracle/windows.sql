-- Window functions: partitions, frames, ranks, offsets, several windows in one query.

-- name: row_number
select id, k, row_number() over (partition by k order by id) from l;

-- name: row_number_of_all
select id, row_number() over (order by v nulls first, id) from nums where h = 1;

-- name: ranks
select id, rank() over (partition by k order by s), dense_rank() over (partition by k order by s), percent_rank() over (partition by k order by s), cume_dist() over (partition by k order by s) from l;

-- name: ntile
select id, ntile(4) over (partition by h order by id) from nums where id < 2000;

-- name: lag_and_lead
select id, lag(v) over (partition by k order by id), lead(v, 2, -1.0) over (partition by k order by id), lag(s, 1, 'none') over (order by id) from l;

-- name: first_last_nth
select id, first_value(v) over w, last_value(v) over w, nth_value(v, 3) over w from l window w as (partition by k order by id rows between unbounded preceding and unbounded following);

-- name: running_sum
select id, sum(v) over (partition by h order by id) from nums where id < 3000;

-- name: running_sum_with_ties
select id, t, count(*) over (order by t), sum(v) over (order by t) from l;

-- name: rows_frame
select id, sum(v) over (partition by k order by id rows between 2 preceding and 1 following), count(*) over (partition by k order by id rows between 1 following and 3 following) from l;

-- name: range_frame
select id, k, count(*) over (order by k range between 3 preceding and 3 following) from l;

-- name: range_frame_of_times
select id, count(*) over (partition by s order by t range between interval '5 days' preceding and current row) from l where t is not null;

-- name: groups_frame
select id, sum(id) over (order by k groups between 1 preceding and 1 following) from l;

-- name: whole_partition
select id, sum(v) over (partition by k), avg(v) over (partition by s), max(d) over () from l;

-- name: share_of_the_group
select k, n, n * 100.0 / sum(n) over () as pct from (select k, count(*) n from l group by k);

-- name: several_partitionings
select id, rank() over (partition by k order by id), rank() over (partition by s order by id), rank() over (partition by k, s order by id desc) from l;

-- name: two_orders_of_one_partitioning
select id, sum(v) over (partition by h order by id), sum(v) over (partition by h order by id desc) from nums where id < 1500;

-- name: minimum_moving
select id, min(v) over (partition by h order by id rows between 10 preceding and current row), max(s) over (partition by h order by id rows between 5 preceding and 5 following) from nums where id < 3000;

-- name: distinct_values_in_order
select id, k, dense_rank() over (order by k nulls first) from l;

-- name: over_an_aggregate
select h, s, count(*) n, rank() over (partition by h order by count(*) desc, s nulls last) from nums group by h, s;

-- name: filter_in_a_window
select id, sum(v) filter (where v > 0) over (partition by k order by id) from l;

-- name: qualify
select id, k, v from l qualify row_number() over (partition by k order by v desc nulls last, id) <= 2;

-- name: top_n_per_group
select * from (select g, id, v, row_number() over (partition by g order by v desc nulls last, id) p from nums) where p <= 1 and g is not null and g % 20 = 0;

-- name: over_a_join
select a.id, b.id, row_number() over (partition by a.k order by a.id, b.id) from l a join r b on a.k = b.k;

-- name: join_over_windows
select x.k, x.id, y.id from (select k, id, row_number() over (partition by k order by id) p from l) x join (select k, id, row_number() over (partition by k order by id) p from r) y on x.k = y.k and x.p = y.p;

-- name: null_partition
select id, k, count(*) over (partition by k) from nul;

-- name: odd_floats_as_partition_and_order
select id, count(*) over (partition by x), rank() over (order by x) from odd;

-- name: nothing
-- check: empty
select id, row_number() over (order by id) from none;

-- name: one_row
select id, row_number() over (order by id), lag(id) over (order by id), sum(v) over () from one;

-- name: in_order
select id, k, sum(v) over (partition by k order by id) r from l order by k desc nulls last, id limit 25;
