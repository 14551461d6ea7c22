"""One of the RDD tasks in PySpark, through one of its two APIs, measured like `dpark-benchmarks rdd-one` measures the
Rust engines and printed as the same JSON. A time is that from the files to the answer, without the session's start.

Each task is written as one would for Spark, with `src/rdd/single/` saying what it must come to; the answer is that of
`src/rdd/answer.rs`. Where a whole batch of rows is in Python (the sort's checksum, k-means over data frames), numpy does
the work.
"""

import argparse
import heapq
import json
import os
import pathlib
import sys
import time

import numpy as np
from pyspark import StorageLevel, TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

ROUNDS = 10
CENTRES = 10
DIMENSIONS = 10
RECORD = 100
KEY = 10
MASK = (1 << 64) - 1


# Answers, as in src/rdd/answer.rs.


def answer(exact=None, close=None):
    return {"exact": {name: str(value) for name, value in (exact or {}).items()}, "close": close or {}}


def words_answer(counts):
    top = heapq.nsmallest(10, counts, key=lambda pair: (-pair[1], pair[0]))
    total = sum(count for _, count in counts)
    return answer({"distinct": len(counts), "total": total, "top": " ".join(f"{w}:{n}" for w, n in top)})


def sort_answer(partitions):
    rows = plain = weighted = 0
    in_order, last = True, b""
    for _, count, sum_, by_position, ordered, ends in sorted(partitions, key=lambda part: part[0]):
        weighted = (weighted + by_position + sum_ * rows) & MASK
        plain, rows = (plain + sum_) & MASK, rows + count
        if ends:
            in_order = in_order and ordered and last <= ends[0]
            last = ends[1]
    return answer({"rows": rows, "checksum": weighted, "in order": "true" if in_order else "false"})


def sorted_run(chunks):
    """What one sorted partition has; `chunks` are arrays of n x 100 bytes."""
    rows = plain = weighted = 0
    in_order, ends = True, None
    for chunk in chunks:
        number = lambda at: np.ascontiguousarray(chunk[:, at : at + 8]).view(">u8").ravel().astype(np.uint64)
        high, low = number(0), number(2)
        values = high + low + number(KEY + 8)
        positions = np.arange(rows + 1, rows + 1 + len(chunk), dtype=np.uint64)
        plain = (plain + int(values.sum(dtype=np.uint64))) & MASK
        weighted = (weighted + int((values * positions).sum(dtype=np.uint64))) & MASK
        rows += len(chunk)
        ascending = (high[:-1] < high[1:]) | ((high[:-1] == high[1:]) & (low[:-1] <= low[1:]))
        first, last = chunk[0, :KEY].tobytes(), chunk[-1, :KEY].tobytes()
        in_order = in_order and bool(ascending.all()) and (ends is None or ends[1] <= first)
        ends = (ends[0] if ends else first, last)
    return TaskContext.get().partitionId(), rows, plain, weighted, in_order, ends


def as_chunks(records):
    chunk = []
    for record in records:
        chunk.append(record)
        if len(chunk) == 10_000:
            yield np.frombuffer(b"".join(chunk), np.uint8).reshape(-1, RECORD)
            chunk = []
    if chunk:
        yield np.frombuffer(b"".join(chunk), np.uint8).reshape(-1, RECORD)


def group_answer(groups):
    groups = list(groups)
    return answer(
        {
            "groups": len(groups),
            "rows": sum(length for _, length, _ in groups),
            "squares": sum(length * length for _, length, _ in groups),
            "total": sum(sum_ for _, _, sum_ in groups),
            "largest": max((sum_, key) for key, _, sum_ in groups)[1],
        }
    )


def kmeans_answer(centres):
    return answer(close={f"centre {at}": [float(x) for x in centre] for at, centre in enumerate(centres)})


def pagerank_answer(vertices, total, top, rank):
    return answer({"vertices": vertices, "top": top}, {"sum": [total], "rank": [rank]})


# The RDD API. Python rows throughout.


def pairs(spark, path):
    return spark.read.parquet(path).rdd.map(tuple)


def rdd_words(spark, data):
    words = spark.sparkContext.textFile(f"{data}/words.txt").flatMap(lambda line: line.split(" "))
    return words_answer(words.map(lambda word: (word, 1)).reduceByKey(lambda one, two: one + two).collect())


def rdd_sort(spark, data):
    records = spark.sparkContext.binaryRecords(f"{data}/records.bin", RECORD)
    ordered = records.map(lambda record: (bytes(record[:KEY]), bytes(record))).sortByKey()
    runs = ordered.values().mapPartitions(lambda rows: [sorted_run(as_chunks(rows))])
    return sort_answer(runs.collect())


def rdd_join(spark, data):
    joined = pairs(spark, f"{data}/left.parquet").join(pairs(spark, f"{data}/right.parquet"))
    rows, products = joined.values().aggregate(
        (0, 0),
        lambda sums, values: (sums[0] + 1, sums[1] + values[0] * values[1]),
        lambda one, two: (one[0] + two[0], one[1] + two[1]),
    )
    return answer({"rows": rows, "products": products})


def rdd_group(spark, data):
    groups = pairs(spark, f"{data}/groups.parquet").groupByKey()
    return group_answer(groups.map(lambda group: (group[0], len(group[1]), sum(group[1]))).collect())


def rdd_kmeans(spark, data):
    frame = spark.read.parquet(f"{data}/points.parquet")
    points = frame.rdd.map(lambda row: np.array(row, dtype=np.float64)).cache()
    centres = np.array(points.take(CENTRES))
    for _ in range(ROUNDS):

        def nearest(point, centres=centres):
            away = centres - point
            return int(np.argmin(np.einsum("ij,ij->i", away, away))), (point, 1)

        sums = points.map(nearest).reduceByKey(lambda one, two: (one[0] + two[0], one[1] + two[1])).collect()
        centres = centres.copy()
        for at, (total, count) in sums:
            centres[at] = total / count
    return kmeans_answer(centres)


def rdd_pagerank(spark, data):
    links = pairs(spark, f"{data}/edges.parquet").groupByKey().cache()
    ranks = links.mapValues(lambda _: 1.0)

    def gives(vertex):
        targets, rank = vertex[1]
        share = rank / len(targets)
        return [(target, share) for target in targets]

    for _ in range(ROUNDS):
        given = links.join(ranks).flatMap(gives)
        ranks = given.reduceByKey(lambda one, two: one + two, links.getNumPartitions())
        ranks = ranks.mapValues(lambda sum_: 0.15 + 0.85 * sum_)
    count, total, (rank, top) = ranks.aggregate(
        (0, 0.0, (0.0, 0)),
        lambda seen, vertex: (seen[0] + 1, seen[1] + vertex[1], max(seen[2], (vertex[1], vertex[0]))),
        lambda one, two: (one[0] + two[0], one[1] + two[1], max(one[2], two[2])),
    )
    return pagerank_answer(count, total, top, rank)


# Data frames. Rows stay in the JVM, or come to Python as Arrow's batches.


def dataframe_words(spark, data):
    words = spark.read.text(f"{data}/words.txt").select(F.explode(F.split("value", " ")).alias("word"))
    return words_answer([tuple(row) for row in words.groupBy("word").count().collect()])


def dataframe_sort(spark, data):
    # There is no reader of fixed records for data frames: the RDD's, without a way through Python.
    context, jvm = spark.sparkContext._jsc.sc(), spark._jvm
    records = context.binaryRecords(f"{data}/records.bin", RECORD, spark.sparkContext._jsc.hadoopConfiguration())
    frame = spark._jsparkSession.createDataset(records, jvm.org.apache.spark.sql.Encoders.BINARY())
    ordered = DataFrame(frame.toDF(), spark).orderBy(F.substring("value", 1, KEY))

    def run(batches):
        import pyarrow as pa

        def chunks():
            for batch in batches:
                if batch.num_rows:
                    yield from as_chunks(batch.column(0).to_pylist())

        part, rows, plain, weighted, in_order, ends = sorted_run(chunks())
        first, last = ends or (None, None)
        row = [part, rows, str(plain), str(weighted), in_order, first, last]
        kinds = [pa.int64(), pa.int64(), pa.string(), pa.string(), pa.bool_(), pa.binary(), pa.binary()]
        columns = [pa.array([value], kind) for value, kind in zip(row, kinds)]
        yield pa.RecordBatch.from_arrays(columns, ["part", "rows", "plain", "weighted", "ordered", "first", "last"])

    schema = "part long, rows long, plain string, weighted string, ordered boolean, first binary, last binary"
    runs = ordered.mapInArrow(run, schema).collect()
    return sort_answer(
        (part, rows, int(plain), int(weighted), ordered, first is not None and (bytes(first), bytes(last)))
        for part, rows, plain, weighted, ordered, first, last in runs
    )


def dataframe_join(spark, data):
    left = spark.read.parquet(f"{data}/left.parquet")
    right = spark.read.parquet(f"{data}/right.parquet").withColumnRenamed("value", "other")
    row = left.join(right, "key").agg(F.count("*"), F.sum(F.col("value") * F.col("other"))).first()
    return answer({"rows": row[0], "products": row[1]})


def dataframe_group(spark, data):
    groups = spark.read.parquet(f"{data}/groups.parquet").groupBy("key").agg(F.collect_list("value").alias("values"))
    total = F.aggregate("values", F.lit(0).cast("long"), lambda sum_, value: sum_ + value)
    return group_answer([tuple(row) for row in groups.select("key", F.size("values"), total).collect()])


def dataframe_kmeans(spark, data):
    # As column expressions over a round's centres it is compiled anew each round, and slower than numpy on Arrow's batches.
    points = spark.read.parquet(f"{data}/points.parquet").persist(StorageLevel.MEMORY_ONLY)
    centres = np.array([list(row) for row in points.limit(CENTRES).collect()])
    names = [f"x{at}" for at in range(DIMENSIONS)]
    schema = ", ".join(["centre long", "points long"] + [f"{name} double" for name in names])
    for _ in range(ROUNDS):

        def sums(batches, centres=centres):
            import pyarrow as pa

            counts, totals = np.zeros(CENTRES, np.int64), np.zeros((CENTRES, DIMENSIONS))
            squares = (centres * centres).sum(axis=1)
            for batch in batches:
                rows = np.column_stack([column.to_numpy() for column in batch.columns])
                nearest = np.argmin(squares - 2.0 * (rows @ centres.T), axis=1)
                counts += np.bincount(nearest, minlength=CENTRES)
                totals += np.eye(CENTRES)[nearest].T @ rows
            columns = [np.arange(CENTRES), counts, *totals.T]
            arrays = [pa.array(np.ascontiguousarray(column)) for column in columns]
            yield pa.RecordBatch.from_arrays(arrays, ["centre", "points", *names])

        means = points.mapInArrow(sums, schema).groupBy("centre").agg(F.sum("points"), *[F.sum(name) for name in names])
        centres = centres.copy()
        for centre, count, *total in means.collect():
            if count:
                centres[centre] = np.array(total) / count
    return kmeans_answer(centres)


def dataframe_pagerank(spark, data):
    edges = spark.read.parquet(f"{data}/edges.parquet")
    out = edges.groupBy("source").agg(F.count("*").alias("out"))
    links = edges.join(out, "source").repartition("source").persist(StorageLevel.MEMORY_ONLY)
    ranks = out.select(F.col("source").alias("vertex"), F.lit(1.0).alias("rank"))
    for _ in range(ROUNDS):
        given = links.join(ranks, links["source"] == ranks["vertex"])
        given = given.select(links["target"].alias("vertex"), (F.col("rank") / F.col("out")).alias("share"))
        ranks = given.groupBy("vertex").agg((F.lit(0.15) + F.lit(0.85) * F.sum("share")).alias("rank"))
    best = F.max(F.struct("rank", "vertex"))
    count, total, top = ranks.agg(F.count("*"), F.sum("rank"), best).first()
    return pagerank_answer(count, total, top["vertex"], top["rank"])


TASKS = ("words", "sort", "join", "group", "kmeans", "pagerank")


def status(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/{pid}/status has no {field}")


def peaks():
    """Peak resident bytes of this process, of the JVM below it and of the Python workers below that."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = status(entry.name, "PPid:")
            except (OSError, RuntimeError):
                continue  # Gone by the time it is looked at.
    family, found = [os.getpid()], []
    while family:
        pid = family.pop()
        family.extend(child for child, parent in parents.items() if parent == pid)
        try:
            found.append(status(pid, "VmHWM:") * 1024)
        except (OSError, RuntimeError):
            continue
    return found


def session(args):
    # Spark would start the `python3` of the path, which need not have numpy.
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(f"local[{args.threads}]").appName("dpark-benchmarks")
    settings = {
        "spark.driver.memory": args.memory,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": args.scratch or str(args.data),
        "spark.sql.shuffle.partitions": 4 * args.threads,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    # Python's workers are started with the first rows.
    spark.sparkContext.parallelize(range(args.threads), args.threads).map(lambda n: n + 1).count()
    return spark


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--api", choices=("rdd", "dataframe"), required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="6g", help="of the JVM; Python's workers come on top")
    parser.add_argument("--scratch", help="for shuffles; by default the data directory")
    args = parser.parse_args()
    args.data = args.data.resolve()

    started = time.perf_counter()
    spark = session(args)
    startup = time.perf_counter() - started
    started = time.perf_counter()
    result = globals()[f"{args.api}_{args.task}"](spark, args.data)
    seconds = time.perf_counter() - started
    measured = {
        "task": args.task,
        "api": args.api,
        "seconds": round(seconds, 3),
        "startup_seconds": round(startup, 3),
        "answer": result,
        "peak_rss": peaks(),
    }
    spark.stop()
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
