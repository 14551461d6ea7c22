-- Lists, structs and maps, NULL and empty at every level; UNNEST.

-- name: as_they_are
select * from nested;

-- name: unnest_list
select id, unnest(xs) as x from nested;

-- name: unnest_struct
select id, unnest(st) from nested;

-- name: unnest_list_of_structs
select id, unnest(sts) as st from nested;

-- name: unnest_then_group
select x, count(*), sum(id) from (select id, unnest(xs) as x from nested) group by x;

-- name: unnest_then_join
select u.id, l.id, u.x from (select id, unnest(xs) as x from nested) u join l on l.k = u.x where l.id < 60;

-- name: unnest_two
select id, unnest(xs) as x, unnest(sts) as y from nested where id < 30;

-- name: unnest_constant
select unnest([3, 1, null, 2]) as x;

-- name: unnest_in_from
select u.x from unnest(make_array(1, 2, 3)) as u(x);

-- name: unnest_of_an_aggregate
select k, unnest(ids) from (select k, array_agg(id order by id) ids from l group by k) where k < 10;

-- name: list_as_group_key
select xs, count(*) from nested group by xs;

-- name: struct_as_group_key
select st, count(*), min(id) from nested group by st;

-- name: list_as_join_key
select a.id, b.id from nested a join nested b on a.xs = b.xs where a.id < 40;

-- name: struct_fields
select id, st['a'] as a, st['b'] as b from nested;

-- name: group_by_a_struct_field
select st['a'] as a, count(*) from nested group by st['a'];

-- name: join_on_a_struct_field
select n.id, l.id from nested n join l on l.k = n.st['a'] where l.id < 100;

-- name: list_functions
select id, array_length(xs), cardinality(xs), xs[1], array_contains(xs, 3), array_sort(xs), array_distinct(xs), array_to_string(xs, ',') from nested;

-- name: map_functions
select id, map_keys(m), map_values(m), m['x'] as x, cardinality(m) from nested;

-- name: build_lists_and_structs
select id, make_array(k, k + 1) as xs, named_struct('k', k, 's', s) as st from l;

-- name: build_a_map
select id, map(make_array('k', 'n'), make_array(k, 1)) as m from l where id < 20;

-- name: list_of_a_group
select k, array_agg(named_struct('id', id, 's', s) order by id) from l where id < 100 group by k;

-- name: order_by_a_list
select id, xs from nested where xs is not null order by xs, id;

-- name: distinct_of_unnest
select distinct unnest(xs) as x from nested;

-- name: nested_columns_through_a_join
select a.id, a.xs, a.st, a.m, b.sts from nested a join nested b on a.k = b.k where a.id < 10;

-- name: nested_columns_through_a_union
select id, xs, st from nested union all select id, xs, st from nested where id < 5;

-- name: nested_columns_in_order
select id, xs, st, m, sts from nested order by id desc;

-- name: null_tests
select count(*) filter (where xs is null), count(*) filter (where array_length(xs) is null), count(*) filter (where st is null), count(*) filter (where st['a'] is null) from nested;
