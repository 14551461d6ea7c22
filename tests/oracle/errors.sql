-- Queries that fail, some of them only in the middle of a task: the message is that of one process.

-- name: unknown_table
-- check: error
select * from nowhere;

-- name: unknown_column
-- check: error
select nothing from l;

-- name: unknown_function
-- check: error
select uppper(s) from l;

-- name: syntax
-- check: error
select from where;

-- name: not_grouped
-- check: error
select k, v from l group by k;

-- name: division_by_zero
-- check: error
select 1 / (k - 7) from l;

-- name: division_by_zero_after_a_shuffle
-- check: error
select h, count(*) / (h - 3) from nums group by h;

-- name: bad_cast
-- check: error
select cast(s as int) from l where s = 'ant';

-- name: bad_cast_behind_a_join
-- check: error
select cast(concat(a.s, 'x') as int) from l a join r b on a.k = b.k where a.s = 'ant';

-- name: overflow
-- check: error
select cast(id * 100 as tinyint) from nums where id = 19999;

-- name: scalar_subquery_of_two_rows
-- check: error
select id from l where k = (select k from r);

-- name: correlated_scalar_of_two_rows
-- check: error
select id, (select b.s from r b where b.k = l.k) from l;

-- name: types_that_do_not_meet
-- check: error
select id + make_array(1) from l;

-- name: bad_timestamp
-- check: error
select cast(s as timestamp) from l where s = 'bee';

-- name: union_of_different_widths
-- check: error
select id, k from l union all select id from r;
