"""Takes a Parquet file into a new Iceberg table with PyIceberg, and then a second one by upsert on its id.

usage: pyiceberg_upsert.py BASE CHANGES FOLDER
Prints how long the upsert took, rows read beforehand, and where the table's metadata is.
"""

import json
import sys
import time

import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog

base, changes, folder = sys.argv[1:]
catalog = SqlCatalog("bench", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
catalog.create_namespace("bronze")
rows = pq.read_table(base)
table = catalog.create_table("bronze.orders", schema=rows.schema)
table.append(rows)
del rows
changed = pq.read_table(changes)

started = time.perf_counter()
result = table.upsert(changed, join_cols=["id"])
seconds = time.perf_counter() - started
print(
    json.dumps(
        {
            "seconds": seconds,
            "updated": result.rows_updated,
            "inserted": result.rows_inserted,
            "metadata": table.metadata_location,
        }
    )
)
