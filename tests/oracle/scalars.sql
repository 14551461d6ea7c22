-- CASE, IN lists, strings and NULL logic: expressions that must survive the way to a task.

-- name: case_searched
select id, case when k < 10 then 'low' when k < 30 then 'mid' when k is null then null else 'high' end as c from l;

-- name: case_simple
select case k when 7 then 'seven' when 8 then 'eight' end as c, count(*) from l group by c;

-- name: case_in_aggregates
select s, sum(case when v > 0 then v else 0 end), count(case when k = 7 then 1 end) from l group by s;

-- name: nullif_and_coalesce
select id, nullif(k, 7), coalesce(k, -1), coalesce(s, 'none', 'x'), nvl(v, 0), greatest(k, id, 5), least(k, id) from l;

-- name: in_list
select id from l where k in (1, 2, 3, 7, null);

-- name: not_in_list
select id from l where k not in (1, 2, 3, 7);

-- name: not_in_list_with_null
-- check: empty
select id from l where k not in (1, 2, null);

-- name: large_in_list
select id, g from nums where g in (0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100, 105, 110, 115, 120, 125, 130, 135, 140, 145, 150, 155, 160, 165, 170, 175, 180, 185, 190, 195, 200, 205, 210, 215, 220, 225, 230, 235, 240, 245, 250, 255, 260, 265, 270, 275, 280, 285, 290, 295, 300, 305, 310, 315, 320, 325, 330, 335, 340, 345, 350, 355, 360, 365, 370, 375, 380, 385, 390, 395, 400) and h = 1;

-- name: text_in_list
select id from l where s in ('ant', 'über', '日本', '');

-- name: like
select id, s from l where s like '%a%' or s like '_ee%' or s like 'd\_g';

-- name: ilike_and_not_like
select id, s from l where s ilike 'BEE%' or s not like '%n%';

-- name: regular_expressions
select id, regexp_like(s, '^[a-z]+$'), regexp_replace(s, '[aeiou]', '*', 'g') from l where s ~ 'e+';

-- name: string_functions
select id, upper(s), lower(s), length(s), octet_length(s), reverse(s), substr(s, 2, 3), left(s, 2), right(s, 2), trim(s), replace(s, 'e', 'é'), strpos(s, 'e'), initcap(s), repeat(s, 2), concat(s, '-', k), s || '!' from l;

-- name: split_and_pad
select id, split_part(s, ' ', 2), lpad(s, 6, '*'), rpad(s, 6), ascii(s), translate(s, 'abc', 'xyz') from l;

-- name: hashes
select id, md5(s), sha256(s) from l;

-- name: three_valued_logic
select id, k > 10 and v > 0, k > 10 or v > 0, not (k > 10), k is distinct from 7, (k > 10) is unknown from l;

-- name: comparison_chains
select id from l where not (k > 10 and (v < 0 or s is null)) and k between 3 and 30;

-- name: casts
select id, cast(k as varchar) as a, cast(cast(k as varchar) as int) as b, try_cast(s as int) as c, cast(v as int) as d, cast(k as boolean) as e from l;

-- name: math
select id, sqrt(abs(v)), power(k, 2), floor(v), ceil(v), round(v / 7, 2), signum(v), exp(k / 100.0), ln(k + 1), trunc(v), v / 3 from l;

-- name: arrow_types
select arrow_typeof(k), arrow_typeof(v), arrow_typeof(d), arrow_typeof(t), arrow_typeof(k + 1.5), arrow_typeof(s || 'x') from one;

-- name: values_alone
select * from (values (1, 'a', 1.5), (2, null, null), (null, 'c', 2.5)) as t(a, b, c);

-- name: values_in_a_join
select v.name, count(*) from (values (7, 'seven'), (8, 'eight'), (null, 'none')) as v(k, name) left join l on l.k = v.k group by v.name;

-- name: values_on_the_outside
select l.id, v.name from l left join (values (7, 'seven'), (8, 'eight')) as v(k, name) on l.k = v.k;

-- name: one_row_of_constants
select 1 as a, 'x' as b, null as c, 1.5 as d, date '2024-02-29' as e;

-- name: constants_beside_rows
select 1 as one, 'x' as x, id from r;

-- name: no_columns_survive
select count(*) from (select 1 from nums where h = 2);

-- name: projection_twice
select k, k as k2, k + 0 as k3 from l;

-- name: filter_always_false
-- check: empty
select * from l where 1 = 2;

-- name: filter_on_null
-- check: empty
select * from l where null;
