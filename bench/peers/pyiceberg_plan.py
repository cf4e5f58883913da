"""Plans a filtered scan of an Iceberg table with PyIceberg, several times.

usage: pyiceberg_plan.py METADATA FILTER REPEATS
Prints how many files were planned, how long the packages and the metadata took to load, and how long each planning took.
"""

import time

started = time.perf_counter()

import json
import sys

from pyiceberg.table import StaticTable

imported = time.perf_counter()

source, row_filter, repeats = sys.argv[1:]
table = StaticTable.from_metadata(f"file://{source}")
loaded = time.perf_counter()

seconds = []
for _ in range(int(repeats)):
    before = time.perf_counter()
    files = len(list(table.scan(row_filter=row_filter).plan_files()))
    seconds.append(time.perf_counter() - before)
print(
    json.dumps({"files": files, "importing": imported - started, "loading": loaded - imported, "seconds": seconds})
)
