-- Recursive common table expressions: the working table lives in one process, whatever surrounds it is distributed.

-- name: counting
with recursive c(n) as (select 1 union all select n + 1 from c where n < 50) select n from c;

-- name: union_removes_duplicates
with recursive c(n) as (select 0 union select (n + 3) % 10 from c) select n from c;

-- name: aggregated
with recursive c(n) as (select 1 union all select n * 2 from c where n < 100000) select count(*), sum(n), max(n) from c;

-- name: joined_with_a_table
with recursive c(n) as (select 1 union all select n + 1 from c where n < 60) select c.n, l.id from c join l on l.k = c.n;

-- name: outer_joined_with_a_table
with recursive c(n) as (select 1 union all select n + 1 from c where n < 60) select c.n, count(r.id) from c left join r on r.k = c.n group by c.n;

-- name: walks_a_table
with recursive walk(id, k, depth) as (
    select id, k, 0 from l where id = 3
    union all
    select l.id, l.k, walk.depth + 1 from walk join l on l.id = walk.id * 2 + 1 where walk.depth < 10
)
select id, k, depth from walk;

-- name: starts_from_an_aggregate
with recursive c(n) as (select max(k) from l union all select n - 5 from c where n > 0) select n from c;

-- name: two_of_them
with recursive a(n) as (select 1 union all select n + 1 from a where n < 5), b(m) as (select 10 union all select m - 1 from b where m > 5)
select a.n, b.m from a join b on a.n + b.m = 11;

-- name: series_function
select value, value * value from generate_series(1, 30);

-- name: series_joined
select s.value, count(l.id) from generate_series(0, 45) s left join l on l.k = s.value group by s.value;

-- name: dates
select value from generate_series(timestamp '2024-01-01', timestamp '2024-02-01', interval '1 day');
