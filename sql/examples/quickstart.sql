-- A tour over real data: every flight out of New York City in 2013 (sql/examples/data/README.md).
-- Run from the root of the repository:  dpark-sql -f sql/examples/quickstart.sql
-- A path in FROM is a table; nothing has to be declared first.

-- 1. Look at the data: the longest flights that left on the first of January.
SELECT carrier, flight, origin, dest, distance, air_time
FROM 'sql/examples/data/flights.parquet'
WHERE month = 1 AND day = 1
ORDER BY distance DESC, carrier, flight
LIMIT 5;

-- Names for the files keep the rest readable. A view costs nothing until it is used.
CREATE OR REPLACE VIEW flights  AS SELECT * FROM 'sql/examples/data/flights.parquet';
CREATE OR REPLACE VIEW airlines AS SELECT * FROM 'sql/examples/data/airlines.parquet';
CREATE OR REPLACE VIEW airports AS SELECT * FROM 'sql/examples/data/airports.parquet';
CREATE OR REPLACE VIEW planes   AS SELECT * FROM 'sql/examples/data/planes.parquet';
CREATE OR REPLACE VIEW weather  AS SELECT * FROM 'sql/examples/data/weather.parquet';

-- 2. Join and GROUP BY: how late does each airline arrive? A cancelled flight has no departure time (NULL).
SELECT
    a.name                                                              AS airline,
    count(*)                                                            AS flights,
    round(avg(f.arr_delay), 1)                                          AS mean_delay,
    median(f.arr_delay)                                                 AS median_delay,
    round(100.0 * count(*) FILTER (WHERE f.arr_delay > 60) / count(*), 1) AS pct_over_an_hour,
    count(*) - count(f.dep_time)                                        AS cancelled
FROM flights f
JOIN airlines a ON a.carrier = f.carrier
GROUP BY a.name
ORDER BY mean_delay DESC, airline;

-- 3. A left join keeps what has no match: are older planes later? Planes missing from the register are a group of their own.
SELECT
    CASE
        WHEN p.year IS NULL THEN 'unknown'
        WHEN p.year < 1990 THEN 'before 1990'
        WHEN p.year < 2000 THEN '1990s'
        WHEN p.year < 2010 THEN '2000s'
        ELSE '2010 and later'
    END                         AS built,
    count(DISTINCT f.tailnum)   AS planes,
    count(*)                    AS flights,
    round(avg(f.dep_delay), 1)  AS mean_dep_delay,
    round(avg(f.distance))      AS mean_miles
FROM flights f
LEFT JOIN planes p ON p.tailnum = f.tailnum
GROUP BY built
ORDER BY built;

-- 4. Window functions: the three destinations each airport serves most, and their share of its flights.
WITH routes AS (
    SELECT origin, dest, count(*) AS flights
    FROM flights
    GROUP BY origin, dest
), ranked AS (
    SELECT
        origin, dest, flights,
        rank() OVER (PARTITION BY origin ORDER BY flights DESC)     AS place,
        100.0 * flights / sum(flights) OVER (PARTITION BY origin)   AS share
    FROM routes
)
SELECT r.origin, r.place, r.dest, coalesce(d.name, '(not in the table)') AS airport, r.flights, round(r.share, 2) AS pct
FROM ranked r
LEFT JOIN airports d ON d.faa = r.dest
WHERE r.place <= 3
ORDER BY r.origin, r.place, r.dest;

-- 5. Weather against delay: each flight meets the weather of its hour at its airport.
SELECT
    CASE
        WHEN w.precip > 0.1 THEN '3 heavy rain'
        WHEN w.precip > 0   THEN '2 some rain'
        ELSE '1 dry'
    END                                             AS sky,
    count(*)                                        AS flights,
    round(avg(f.dep_delay), 1)                      AS mean_dep_delay,
    round(100.0 * (count(*) - count(f.dep_time)) / count(*), 2) AS pct_cancelled,
    round(avg(w.visib), 1)                          AS mean_miles_of_sight,
    round(corr(w.wind_speed, f.dep_delay), 3)       AS corr_wind_delay
FROM flights f
JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour
WHERE w.wind_speed < 200          -- the source has one reading of 1048 mph
GROUP BY sky
ORDER BY sky;

-- 6. A running story of one plane: where was it, how long did it stand, how many miles so far?
SELECT
    time_hour,
    carrier, flight, origin, dest,
    sum(distance) OVER w                        AS miles_so_far,
    time_hour - lag(time_hour) OVER w           AS since_last_departure
FROM flights
WHERE tailnum = 'N725MQ' AND dep_time IS NOT NULL
WINDOW w AS (PARTITION BY tailnum ORDER BY time_hour, flight)
ORDER BY time_hour, flight
LIMIT 10;

-- 7. Subtotals in one pass: months and airports, each alone and together, by ROLLUP.
SELECT
    coalesce(origin, 'all')                 AS origin,
    coalesce(cast(quarter AS varchar), 'year') AS quarter,
    count(*)                                AS flights,
    round(avg(dep_delay), 2)                AS mean_dep_delay
FROM (SELECT origin, (month + 2) / 3 AS quarter, dep_delay FROM flights) AS q
GROUP BY ROLLUP (origin, quarter)
ORDER BY origin, quarter;

-- 8. Set logic: destinations that every one of the three airports serves, where the best
--    airline on the route is ten minutes better than the route's mean.
SELECT b.dest, a.name AS airline, b.flights, round(b.delay, 1) AS its_delay, round(m.delay, 1) AS mean_delay
FROM (
    SELECT dest, carrier, count(*) AS flights, avg(arr_delay) AS delay
    FROM flights
    GROUP BY dest, carrier
    HAVING count(arr_delay) >= 100
) AS b
JOIN (SELECT dest, avg(arr_delay) AS delay FROM flights GROUP BY dest) AS m ON m.dest = b.dest
JOIN airlines a ON a.carrier = b.carrier
WHERE b.dest IN (
          SELECT dest FROM flights WHERE origin = 'EWR'
          INTERSECT SELECT dest FROM flights WHERE origin = 'JFK'
          INTERSECT SELECT dest FROM flights WHERE origin = 'LGA'
      )
  AND b.delay <= m.delay - 10
ORDER BY b.delay - m.delay, b.dest, airline;
