-- ORDER BY, LIMIT and OFFSET, alone and together. Without ORDER BY any rows will do, but so many and no others.

-- name: order_by_one
select id, v from nums order by id desc;

-- name: order_by_several
select id, k, s, v from l order by k desc nulls last, s nulls first, v, id;

-- name: ties_keep_their_keys_in_order
select h, s from nums where id < 4000 order by h, s desc;

-- name: order_by_hidden_columns
select id from l order by v desc nulls last, id;

-- name: order_by_an_expression
select id, abs(v) as a from l order by abs(v) desc nulls last, id;

-- name: nulls_first
select id, k from l order by k nulls first, id;

-- name: default_place_of_nulls
select id, k from l order by k, id;

-- name: default_place_of_nulls_descending
select id, k from l order by k desc, id;

-- name: floats_in_order
select x, id from odd order by x, id;

-- name: floats_in_descending_order
select x, id from odd order by x desc nulls last, id;

-- name: top
select id, v from nums order by v desc nulls last, id limit 10;

-- name: top_with_offset
select id, v from nums order by v, id limit 10 offset 25;

-- name: offset_alone
select id from nums order by id offset 19990;

-- name: offset_over_several_partitions
select id from nums order by id limit 30 offset 5990;

-- name: offset_beyond_the_end
-- check: empty
select id from l order by id offset 300;

-- name: limit_zero
-- check: empty
select id from l order by id limit 0;

-- name: limit_beyond_the_end
select id from r order by id limit 100000;

-- name: limit_of_an_empty_table
-- check: empty
select id from none limit 5;

-- name: limit_without_order
-- check: subset
select id, v from nums limit 50;
select id, v from nums;

-- name: limit_beyond_one_file
-- check: subset
select id, v from nums limit 11000;
select id, v from nums;

-- name: limit_and_offset_without_order
-- check: subset
select id from nums limit 100 offset 19950;
select id from nums;

-- name: limit_of_a_filter
-- check: subset
select id from nums where v > 0 limit 40;
select id from nums where v > 0;

-- name: limit_of_a_join
-- check: subset
select a.id as a, b.id as b from l a join r b on a.k = b.k limit 17;
select a.id as a, b.id as b from l a join r b on a.k = b.k;

-- name: limit_of_an_aggregate
-- check: subset
select g, count(*) from nums group by g limit 9;
select g, count(*) from nums group by g;

-- name: limit_of_a_union
-- check: subset
select k from l union all select k from r limit 310;
select k from l union all select k from r;

-- name: limit_of_a_distinct
-- check: subset
select distinct s from nums limit 4;
select distinct s from nums;

-- name: limit_with_ties
-- check: subset
select h from nums order by h limit 100;
select h from nums;

-- name: limit_in_a_subquery
select count(*), count(distinct id) from (select id from nums limit 123);

-- name: offset_in_a_subquery
select count(*) from (select id from nums offset 19000);

-- name: limits_in_a_union
select count(*) from (select * from (select id from nums limit 10) union all select * from (select id from l limit 5));

-- name: order_inside_is_no_order
select count(*), sum(id) from (select id from nums order by v limit 20000);

-- name: top_of_top
select id from (select id from nums order by id desc limit 100) order by id limit 10;

-- name: top_groups
select h, s, sum(v) from nums group by h, s order by sum(v) desc nulls last, h, s limit 5;

-- name: top_of_a_join
select a.id, b.id from nums a join nums b on a.g = b.g order by a.id desc, b.id limit 20;

-- name: many_rows_in_order
select g, h, id from nums order by g nulls first, h, id;
