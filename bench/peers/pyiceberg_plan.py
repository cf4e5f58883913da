"""Plans a filtered scan of an Iceberg table with PyIceberg, several times.

usage: pyiceberg_plan.py METADATA FILTER WARM_UP REPEATS
WARM_UP are seconds of planning before it counts.
Prints how many files were planned, how long the packages and the metadata took to load, and how long each planning took.
"""

import time

started = time.perf_counter()

import json
import sys

from pyiceberg.table import StaticTable

imported = time.perf_counter()

source, row_filter, warm_up, repeats = sys.argv[1:]
table = StaticTable.from_metadata(f"file://{source}")
loaded = time.perf_counter()

files = 0


def plan():
    global files
    before = time.perf_counter()
    files = len(list(table.scan(row_filter=row_filter).plan_files()))
    return time.perf_counter() - before


first = plan()
spent = first
while spent < float(warm_up):
    spent += plan()
seconds = [plan() for _ in range(int(repeats))]
print(
    json.dumps(
        {
            "files": files,
            "first": first,
            "importing": imported - started,
            "loading": loaded - imported,
            "seconds": seconds,
        }
    )
)
