"""Records the reference answers of TPC-H from DuckDB, an engine that shares no code with ours.

    python -m venv /tmp/venv && /tmp/venv/bin/pip install duckdb==2.0.0 tpchgen-cli==4.0.0
    /tmp/venv/bin/python tests/answers/record.py

Writes `tests/answers/tpch-sf0.01/qNN.csv`, and the same for SF 0.1 where fewer answers are empty, from `sql/tpch/qNN.sql`.
The data comes from `tpchgen-cli`, the command line of the generator crates (same version) that the tests call directly,
so the recorded answers check our writing of Parquet too. The CSV has a header; text is quoted, NULL is not, decimals have all
their digits, floats the shortest form that reads back the same.
"""

import decimal
import pathlib
import subprocess
import sysconfig
import tempfile

import duckdb

SCALES = [decimal.Decimal("0.01"), decimal.Decimal("0.1")]
ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLES = ["lineitem", "orders", "customer", "part", "partsupp", "supplier", "nation", "region"]


def cell(value):
    """One field: text quoted, NULL not, so that the two stay apart."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return repr(value) if isinstance(value, float) else str(value)


def record(scale):
    generate = pathlib.Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
    with tempfile.TemporaryDirectory() as data:
        subprocess.run([generate, "parquet", "-s", str(scale), f"--output-dir={data}"], check=True)
        engine = duckdb.connect()
        for table in TABLES:
            engine.execute(f"create table {table} as from '{data}/{table}.parquet'")
    target = ROOT / "tests" / "answers" / f"tpch-sf{scale}"
    target.mkdir(exist_ok=True)
    for query in sorted((ROOT / "sql" / "tpch").glob("q*.sql")):
        sql = query.read_text()
        if query.stem == "q11":
            sql = sql.replace("* 0.0001", f"* {decimal.Decimal('0.0001') / scale:f}")
        result = engine.execute(sql)
        names = [column[0] for column in result.description]
        rows = result.fetchall()
        with open(target / f"{query.stem}.csv", "w", newline="") as out:
            out.writelines(",".join(map(cell, row)) + "\n" for row in [names, *rows])
        print(f"{scale} {query.stem}: {len(rows)} rows")


for scale in SCALES:
    record(scale)
