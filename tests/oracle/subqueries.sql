-- Scalar and correlated subqueries, EXISTS and IN in every clause that takes them.

-- name: scalar_in_select
select id, v, v - (select avg(v) from l) from l;

-- name: scalar_in_where
select id from l where v > (select avg(v) from r);

-- name: scalar_of_nothing_is_null
select id, (select max(k) from none) from one;

-- name: scalar_of_nothing_filters_all
-- check: empty
select id from l where k > (select k from none);

-- name: scalar_in_having
select k, count(*) from l group by k having count(*) > (select count(*) / 60 from l);

-- name: scalar_in_case
select id, case when v > (select avg(v) from l) then 'high' when v is null then 'null' else 'low' end from l;

-- name: scalar_of_a_distributed_aggregate
select g, v from nums where v = (select max(v) from nums) or id = (select max(id) from nums);

-- name: two_scalars
select id from nums where id > (select max(id) - 10 from nums) and v < (select max(v) from l);

-- name: nested_scalars
select id from l where v > (select avg(v) from r where v > (select min(v) from nn));

-- name: scalar_in_join_condition
select a.id, b.id from l a join r b on a.k = b.k and a.v > (select avg(v) from nn);

-- name: scalar_in_order_by
select id, k from l order by abs(coalesce(k, 0) - (select avg(k) from l)), id limit 20;

-- name: correlated_aggregate
select a.id, a.k, (select sum(b.v) from r b where b.k = a.k) from l a;

-- name: correlated_count_is_zero
select a.id, (select count(*) from r b where b.k = a.k) n from l a;

-- name: correlated_in_where
select a.id from l a where a.v > (select avg(b.v) from l b where b.k = a.k);

-- name: correlated_over_an_empty_table
select a.id, (select max(b.v) from none b where b.k = a.k) from l a;

-- name: correlated_twice
select a.id from l a where a.v < (select max(b.v) from r b where b.k = a.k) and a.v > (select min(c.v) from nn c where c.k = a.k);

-- DataFusion 55 takes EXISTS and IN in WHERE only.
-- name: exists_in_select
-- check: error
select id, exists (select 1 from r where r.k = l.k) e, k in (select k from nn) i from l;

-- name: not_in_in_select
-- check: error
select id, k not in (select k from r where k is not null) from l;

-- name: exists_and_exists
select id from l where exists (select 1 from r where r.k = l.k) and not exists (select 1 from nn where nn.k = l.k);

-- name: exists_or_exists
select id from l where exists (select 1 from r where r.k = l.k) or exists (select 1 from nn where nn.k = l.k);

-- name: exists_uncorrelated
select id from l where exists (select 1 from r where v > 240) and id < 5;

-- name: exists_uncorrelated_and_empty
-- check: empty
select id from l where exists (select 1 from none);

-- name: in_with_two_columns_by_hand
select a.id from l a where exists (select 1 from r b where b.k = a.k and b.s = a.s);

-- name: in_nested
select id from l where k in (select k from r where k in (select k from nn));

-- name: in_of_an_aggregate
select id, g from nums where g in (select g from nums group by g having count(*) > 9) and h = 1;

-- name: in_of_a_union
select id from l where k in (select k from r union select k from nn);

-- name: in_of_a_limit
select id from nums where id in (select id from nums order by id desc limit 7);

-- name: derived_tables
select x.k, x.n, y.n from (select k, count(*) n from l group by k) x join (select k, count(*) n from r group by k) y on x.k = y.k and x.n > y.n;

-- name: cte_used_twice
with t as (select k, sum(v) s from l group by k) select a.k, a.s, b.k from t a join t b on a.s > b.s and a.k = b.k - 1;

-- name: cte_of_cte
with a as (select * from nums where h = 3), b as (select g, count(*) n from a group by g), c as (select max(n) m from b) select b.g, b.n from b, c where b.n = c.m;

-- name: scalar_subquery_in_an_aggregate
select sum(v - (select min(v) from l)) from l;

-- name: window_in_a_subquery
select id from (select id, rank() over (partition by k order by v desc nulls last, id) p from l) where p = 1;
