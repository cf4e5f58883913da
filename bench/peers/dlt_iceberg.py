"""Takes a file into a new Iceberg table with dlt: its own file readers, the filesystem destination, table_format iceberg.

usage: dlt_iceberg.py parquet|ndjson INPUT FOLDER
Prints how long it took, with and without loading the packages, and where the table's metadata is.

Parquet goes through as Arrow, dlt's fast way. JSON lines are read by dlt's reader, which normalizes row by row.
"""

import time

started = time.perf_counter()

import glob
import json
import os
import sys

import dlt
from dlt.sources.filesystem import filesystem, read_jsonl, read_parquet

loaded = time.perf_counter()

# What the input says where it cannot say it itself: JSON has neither dates nor decimals.
COLUMNS = {
    "id": {"data_type": "bigint", "nullable": False},
    "quantity": {"data_type": "bigint", "nullable": False},
    "score": {"data_type": "double", "nullable": False},
    "amount": {"data_type": "decimal", "precision": 12, "scale": 2, "nullable": False},
    "active": {"data_type": "bool", "nullable": False},
    "day": {"data_type": "date", "nullable": False},
    "happened_at": {"data_type": "timestamp", "precision": 6, "timezone": False, "nullable": False},
    "status": {"data_type": "text", "nullable": False},
    "reference": {"data_type": "text", "nullable": False},
    "discount": {"data_type": "double", "nullable": True},
}

form, source, folder = sys.argv[1:]
listing = filesystem(bucket_url=f"file://{os.path.dirname(source)}", file_glob=os.path.basename(source))
if form == "parquet":
    orders = (listing | read_parquet(chunksize=122_880, use_pyarrow=True)).with_name("orders")
else:
    orders = (listing | read_jsonl(chunksize=10_000)).with_name("orders")
    orders.apply_hints(columns=COLUMNS)
orders.apply_hints(write_disposition="append", table_format="iceberg")
pipeline = dlt.pipeline(
    "bench",
    pipelines_dir=f"{folder}/pipelines",
    destination=dlt.destinations.filesystem(bucket_url=f"file://{folder}/lake"),
    dataset_name="bronze",
)
pipeline.run(orders).raise_on_failed_jobs()

finished = time.perf_counter()
# Each commit writes the next number.
metadata = max(glob.glob(f"{folder}/lake/bronze/orders/metadata/*.metadata.json"))
print(json.dumps({"seconds": finished - loaded, "loading": loaded - started, "metadata": f"file://{metadata}"}))
