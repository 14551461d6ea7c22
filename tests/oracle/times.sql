-- Timestamps, dates, intervals and time zones.

-- name: truncation
select date_trunc('month', t) as m, count(*), sum(v) from l group by m;

-- name: parts
select extract(dow from t) as day, extract(hour from t) as hour, count(*) from nums group by day, hour;

-- name: bins
select date_bin(interval '15 days', t, timestamp '2024-01-01') as b, count(*) from nums group by b;

-- name: arithmetic
select id, t + interval '1 day', t - interval '3 hours 5 minutes', cast(t as date), cast(t as date) + 7 as next_week from l;

-- name: month_ends
select day, day + interval '1 month' as later from typed;

-- name: comparisons
select id from l where t >= '2024-02-01' and t < timestamp '2024-02-10 12:00:00';

-- name: day_differences
select a.id, b.id, a.day - b.day as gap from typed a join typed b on a.id = b.id + 1;

-- name: time_zones
select ts_utc, ts_utc at time zone 'America/New_York' as local, count(*) from typed group by ts_utc;

-- name: zoned_truncation
select date_trunc('day', ts_utc at time zone 'Asia/Tokyo') as d, count(*) from typed group by d;

-- name: formats
select to_char(t, '%Y-%m-%d %H') as f, count(*) from l group by f;

-- name: parsing
select to_timestamp(concat('2024-03-', lpad(cast(1 + id % 28 as varchar), 2, '0'), 'T00:00:00')) as p, count(*) from l group by p;

-- name: epochs
select id, extract(epoch from t), to_unixtime(t) from l;

-- name: units_meet_in_a_join
select a.id, b.id from typed a join typed b on a.ts_s = b.ts_ns where a.id < 60;

-- name: as_join_keys
select a.id, b.id from l a join r b on date_trunc('day', a.t) = date_trunc('day', b.t) where a.id % 3 = 0;

-- name: in_order
select t, id from l order by t desc nulls last, id;

-- name: min_max
select k, min(t), max(t), min(day) from (select k, t, cast(t as date) as day from l) group by k;
