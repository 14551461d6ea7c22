#!/usr/bin/env python3
"""Fetches the texts of the 99 TPC-DS queries for the test `tpcds`.

The texts belong to the TPC and are not in this repository. DuckDB's extension `tpcds`, which is on the Python package
registry, carries them; this script installs it into an environment of its own below cargo's target folder and writes
one file per query:

    python3 tests/tpcds/queries.py [FOLDER]

FOLDER: where the test looks, $DPARK_TPCDS_QUERIES or `tpcds-queries` in cargo's target folder.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

# Binary extensions load into the very version of DuckDB that they were built for; the package pins it.
PACKAGE = "duckdb-ext-tpcds==1.4.4.20260205"

WRITE = """
import glob, os, sys
import duckdb, duckdb_ext

folder = sys.argv[1]
[extension] = [path for root in duckdb_ext.__path__
               for path in glob.glob(root + "/extensions/**/tpcds.duckdb_extension", recursive=True)]
connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
connection.execute("LOAD '%s'" % extension)
queries = connection.execute("FROM tpcds_queries()").fetchall()
assert [number for number, _ in queries] == list(range(1, 100)), queries
for number, text in queries:
    with open(os.path.join(folder, "q%02d.sql" % number), "w") as file:
        file.write(text.strip() + "\\n")
"""


def main() -> None:
    root = Path(__file__).resolve().parents[2]
    target = Path(os.environ.get("CARGO_TARGET_DIR") or root / "target").resolve()
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("DPARK_TPCDS_QUERIES") or target / "tpcds-queries")
    if len(list(folder.glob("q??.sql"))) == 99:
        print(f"{folder}: all 99 queries are there")
        return
    environment = target / "tpcds-venv"
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        subprocess.run([python, "-c", WRITE, temporary], check=True)
        folder.mkdir(exist_ok=True)
        for query in Path(temporary).iterdir():
            query.replace(folder / query.name)
    print(f"{folder}: 99 queries written")


if __name__ == "__main__":
    main()
