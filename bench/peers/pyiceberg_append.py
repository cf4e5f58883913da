"""Takes a Parquet file into a new Iceberg table with PyIceberg: a SQL catalog in SQLite, files in a local folder.

usage: pyiceberg_append.py INPUT FOLDER
Prints how long it took, with and without loading the packages, and where the table's metadata is.
"""

import time

started = time.perf_counter()

import json
import os
import sys

import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog

loaded = time.perf_counter()

source, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
catalog = SqlCatalog("bench", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
catalog.create_namespace("bronze")
rows = pq.read_table(source)
table = catalog.create_table("bronze.orders", schema=rows.schema)
table.append(rows)

finished = time.perf_counter()
print(
    json.dumps(
        {"seconds": finished - loaded, "loading": loaded - started, "metadata": table.metadata_location}
    )
)
