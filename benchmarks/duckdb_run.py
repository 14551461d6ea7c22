"""One query in DuckDB, measured like `dpark-benchmarks run-one` measures the Rust engines, printed as the same JSON.

A time is that from the text to all rows as Python values; the first run is not counted. The fingerprint of the result is
that of `src/answer.rs`: sums of decimals and floats, FNV-1a of everything else.
"""

import argparse
import json
import pathlib
import time

import duckdb

FRACTIONAL = ("DECIMAL", "DOUBLE", "FLOAT", "REAL")
MASK = (1 << 64) - 1


def fnv(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & MASK
    return value


def text(value) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def fingerprint(description, rows):
    fractional = [str(column[1]).upper().startswith(FRACTIONAL) for column in description]
    exact = 0
    sums = [0.0] * sum(fractional)
    for row in rows:
        line = ""
        at = 0
        for is_fractional, value in zip(fractional, row):
            if not is_fractional or value is None:
                line += text(value)
            if is_fractional:
                sums[at] += float(value or 0)
                at += 1
            line += "\x1f"
        exact = (exact + fnv(line.encode())) & MASK
    return {"rows": len(rows), "exact": f"{exact:016x}", "sums": sums}


def peak_rss() -> int:
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmHWM")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--sql", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()

    started = time.perf_counter()
    connection = duckdb.connect()
    connection.execute(f"SET threads = {args.threads}")
    for path in sorted(args.data.glob("*.parquet")):
        quoted = str(path).replace("'", "''")
        connection.execute(f"CREATE VIEW {path.stem} AS SELECT * FROM read_parquet('{quoted}')")
    startup = time.perf_counter() - started

    times = []
    rows, description = [], []
    for _ in range(args.runs + 1):
        rows = None
        started = time.perf_counter()
        cursor = connection.execute(args.sql)
        rows = cursor.fetchall()
        times.append((time.perf_counter() - started) * 1000)
        description = cursor.description
    peak = peak_rss()
    print(
        json.dumps(
            {
                "times_ms": [round(t, 3) for t in times[1:]],
                "first_ms": round(times[0], 3),
                "startup_ms": round(startup * 1000, 3),
                **fingerprint(description, rows),
                "peak_rss": [peak],
            }
        )
    )


if __name__ == "__main__":
    main()
