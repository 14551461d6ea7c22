-- GROUPING SETS, CUBE, ROLLUP and GROUPING().

-- name: rollup
select k, s, count(*), sum(v) from l group by rollup (k, s);

-- name: cube
select h, s, count(*), sum(v), min(id) from nums group by cube (h, s);

-- name: grouping_sets
select h, s, count(*) from nums group by grouping sets ((h), (s), (h, s), ());

-- name: grouping_sets_twice_the_same
select h, count(*) from nums group by grouping sets ((h), (h), ());

-- name: grouping_function
select k, s, grouping(k), grouping(s), grouping(k, s), count(*) from l group by cube (k, s);

-- name: null_keys_and_null_of_rollup_differ
select k, grouping(k), count(*) from l group by rollup (k);

-- name: rollup_with_having
select h, s, sum(v) from nums group by rollup (h, s) having grouping(s) = 1;

-- name: rollup_of_an_expression
select id % 3 as m, h, count(*) from nums group by rollup (id % 3, h);

-- name: cube_of_nothing
select k, s, count(*) from none group by cube (k, s);

-- name: rollup_with_distinct
select h, count(distinct g), count(distinct s) from nums group by rollup (h);

-- name: rollup_in_order
select h, s, count(*) n from nums group by rollup (h, s) order by h nulls last, s nulls first, n;

-- name: plain_key_beside_rollup
select h, s, id % 2 as p, count(*) from nums group by h, rollup (s, id % 2);
