"""Lists the data files of an Iceberg table's present snapshot, read from its metadata.

usage: data_files.py METADATA
"""

import json
import sys
from urllib.parse import unquote, urlparse

from pyiceberg.table import StaticTable

table = StaticTable.from_metadata(sys.argv[1])
tasks = list(table.scan().plan_files())
if any(task.delete_files for task in tasks):
    sys.exit("the table has delete files, so that its data files are not its rows")
print(json.dumps([unquote(urlparse(task.file.file_path).path) for task in tasks]))
