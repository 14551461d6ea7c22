-- DISTINCT and the set operations; NULL equals NULL here, and NaN equals NaN.

-- name: distinct_one
select distinct k from l;

-- name: distinct_several
select distinct k, s from l;

-- name: distinct_of_many
select distinct g from nums;

-- name: distinct_on
select distinct on (k) k, id, v from l order by k, id;

-- name: distinct_in_order
select distinct s from nums order by s desc nulls last;

-- name: distinct_floats
select distinct x from odd;

-- name: distinct_lists
select distinct xs from nested;

-- name: distinct_structs
select distinct st from nested;

-- name: union_all
select id, k, s from l union all select id, k, s from r union all select id, k, s from none;

-- name: union
select k, s from l union select k, s from r;

-- name: union_of_the_same_table
select k from l union select k from l;

-- name: union_of_many
select k from l union all select k from r union all select k from nn union all select k from nul union all select k from one;

-- name: union_with_casts
select k from l union all select v from r union all select 1.5;

-- name: union_of_different_columns
select id as a, s as b from l where id < 20 union all select k, 'const' from r where id < 20 union all select null, null;

-- name: union_in_order
select id, 'l' as w from l union all select id, 'r' from r order by id, w limit 30;

-- name: union_below_aggregate
select w, k, count(*) from (select 'l' w, k from l union all select 'r', k from r union all select 'g', g from nums) group by w, k;

-- name: union_of_aggregates
select k, count(*) n from l group by k union select k, count(*) from r group by k;

-- name: intersect
select k from l intersect select k from r;

-- name: intersect_two_columns
select k, s from l intersect select k, s from r;

-- name: intersect_all
select k from l intersect all select k from r;

-- name: intersect_with_nothing
-- check: empty
select k from l intersect select k from none;

-- name: except
select k from l except select k from r;

-- name: except_two_columns
select k, s from l except select k, s from r;

-- name: except_all
select k from l except all select k from r;

-- name: except_nothing
select k from l except select k from none;

-- name: except_from_nothing
-- check: empty
select k from none except select k from l;

-- name: chain
(select k from l union select k from nn) except (select k from r intersect select k from l);

-- name: odd_floats_in_set_operations
select x from odd where id < 250 intersect select x from odd where id >= 250;

-- name: values_in_union
select column1, column2 from (values (1, 'a'), (2, null), (null, 'c')) union select k, s from one;
