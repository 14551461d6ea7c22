-- Joins that the generated matrix does not have: shapes, syntax, chains, skew.

-- name: using_and_natural
select k, a.id, b.id from l a join r b using (k) where a.id % 3 = 0;

-- name: full_using_merges_keys
select k, count(a.id), count(b.id) from l a full join r b using (k) group by k;

-- name: chain_of_four
select a.id, b.id, c.id, e.id
from l a join r b on a.k = b.k join nn c on b.k = c.k left join one e on c.id = e.id
where a.id % 4 = 0;

-- name: bushy
select x.k, x.n, y.m
from (select a.k, count(*) n from l a join r b on a.k = b.k group by a.k) x
full join (select c.k, sum(c.v) m from nn c join l d on c.k = d.k group by c.k) y on x.k = y.k;

-- name: left_of_left
select a.id, b.id, c.id from l a left join r b on a.k = b.k and b.v > 100 left join nn c on b.k = c.k and c.v < 0;

-- name: full_of_full
select a.id, b.id, c.id
from (select * from l where k < 25) a
full join (select * from r where k > 22) b on a.k = b.k
full join (select * from nn where k < 20) c on a.k = c.k;

-- name: skew_on_the_heavy_value
select a.k, count(*), sum(a.v), sum(b.v) from nums n join l a on n.h = a.k % 6 join r b on a.k = b.k group by a.k;

-- name: self_join_on_unique
select a.id, b.v from nums a join nums b on a.id = b.id + 1 where a.h = 2;

-- name: self_join_many_to_many
select a.g, count(*) from nums a join nums b on a.g = b.g where a.id < 3000 group by a.g having count(*) > 3;

-- name: big_build_side
select r.id, n.id from r left join nums n on r.id * 50 = n.id;

-- name: big_build_side_full
select count(*), count(r.id), count(n.id), sum(n.id) from r full join nums n on r.id * 50 = n.id;

-- name: expressions_as_keys
select a.id, b.id from l a join r b on a.k + 20 = b.k and upper(a.s) = upper(b.s);

-- name: keys_of_different_types
select a.id, n.id from l a join nums n on a.k = n.id;

-- name: decimal_and_timestamp_keys
select a.id, b.id from l a join l b on a.d = b.d and a.t = b.t;

-- name: condition_on_one_side_of_an_outer_join
select a.id, b.id from l a left join r b on a.k = b.k and a.v > 0 and b.d < 0;

-- name: condition_only_on_the_outer_side
select a.id, b.id from l a left join one b on a.v > 240;

-- name: full_join_on_nothing_equal
select a.id, b.id from l a full join r b on a.k = b.k + 1000;

-- name: full_join_with_a_filter
select a.id, b.id, a.v, b.v from l a full join r b on a.k = b.k and a.v < b.v;

-- name: where_turns_left_into_inner
select a.id, b.id from l a left join r b on a.k = b.k where b.v > 0;

-- name: where_keeps_the_unmatched
select a.id, a.k from l a left join r b on a.k = b.k where b.id is null;

-- name: between_join
select a.id, b.id from l a join r b on b.k between a.k - 1 and a.k + 1 where a.id % 5 = 0;

-- name: range_join_of_times
select a.id, b.id from l a join r b on a.t < b.t and b.t < a.t + interval '12 hours';

-- name: cross_join_of_aggregates
select a.n, b.m from (select count(*) n from l) a cross join (select max(v) m from r) b;

-- name: lateral
select a.id, x.m from (select * from l where id < 40) a cross join lateral (select max(b.v) m from r b where b.k = a.k) x;

-- name: join_then_join_on_the_same_key
select a.k, count(*) from l a join r b on a.k = b.k join nn c on a.k = c.k group by a.k;

-- name: aggregate_before_join
select a.id, x.n from l a join (select k, count(*) n from r group by k) x on a.k = x.k;

-- name: union_below_join
select u.k, count(*) from (select k from l union all select k from r union all select k from none) u join nn on u.k = nn.k group by u.k;

-- name: limit_below_join
select count(*) from (select * from nums order by id limit 100) a join (select * from nums order by id desc limit 19950) b on a.id = b.id;

-- name: count_of_a_cross_join
select count(*) from l, r;

-- name: semi_join_under_aggregate
select k, count(*) from l where exists (select 1 from r where r.k = l.k and r.s <> l.s) group by k;
