-- About 40 MB through every breaker: under the small memory of the spill modes these sort, group and join on disk.

-- name: sort
select u, id, substr(pad, 1, 4) from wide order by u;

-- name: sort_of_wide_rows
select count(*), min(p), max(p) from (select md5(pad || cast(row_number() over (order by pad) as varchar)) p from wide);

-- name: group_by_a_wide_key
select substr(m, 1, 1) c, count(*) from (select pad, max(id) m0, md5(min(pad)) m from wide group by pad) group by c;

-- name: many_groups
select k, count(*), sum(u), min(pad) from wide group by k having k < 1000;

-- name: distinct
select count(*) from (select distinct k, substr(pad, 1, 64) from wide);

-- name: shuffle_join
select count(*), sum(a.u), min(b.pad) from wide a join wide b on a.id = b.id + 1;

-- name: window
select count(*), sum(p) from (select row_number() over (partition by k order by pad) p from wide) where p <= 3;

-- name: top
select u, pad from wide order by pad limit 20;
