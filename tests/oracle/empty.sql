-- Empty tables, empty files, empty partitions: nothing in must not become nothing at all, nor an error.

-- name: scan
-- check: empty
select * from none;

-- name: one_row_among_empty_files
select * from one;

-- name: global_aggregate
select count(*), sum(v), min(s), max(t), avg(d), count(distinct k) from none;

-- name: grouped
-- check: empty
select k, sum(v) from none group by k;

-- name: distinct
-- check: empty
select distinct s from none;

-- name: order
-- check: empty
select * from none order by id limit 3;

-- name: left_side
select n.id, l.id from none n right join l on n.k = l.k;

-- name: right_side
select l.id, n.id from l left join none n on n.k = l.k;

-- name: both_sides_by_full
select l.id, n.id from l full join none n on n.k = l.k and n.v > l.v;

-- name: inner
-- check: empty
select l.id from l join none n on n.k = l.k;

-- name: cross
-- check: empty
select l.id, n.id from l cross join none n;

-- name: cross_with_an_aggregate_of_nothing
select l.id, x.c, x.m from l cross join (select count(*) c, max(k) m from none) x;

-- name: union
select id from none union all select id from one union all select id from none;

-- name: window_over_nothing
-- check: empty
select id, sum(v) over (partition by k order by id) from none;

-- name: filtered_to_nothing_then_joined
select l.id, r.id from l left join (select * from r where id < 0) r on l.k = r.k;

-- name: filtered_to_nothing_then_grouped_then_joined
select l.id, x.c from l left join (select g, count(*) c from nums where id < 0 group by g) x on l.k = x.g;

-- name: one_group_in_sixteen_partitions
select h, count(*) from nums where h = 3 group by h;

-- name: one_key_in_sixteen_partitions
select a.id, b.id from (select * from l where k = 7) a join (select * from r where k = 21) b on a.k + 14 = b.k where a.id < 50;

-- name: nothing_in_and_in_not_in
select id from one where id in (select id from none) or id not in (select id from none);

-- name: intersect
-- check: empty
select id from none intersect select id from none;

-- name: except
select id from one except select id from none;

-- name: unnest_of_nothing
-- check: empty
select unnest(make_array(k, k)) from none;

-- name: recursive_of_nothing
-- check: empty
with recursive c(n) as (select k from none union all select n + 1 from c where n < 5) select n from c;
