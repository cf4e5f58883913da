"""Writes the data files that one table's metadata lists into the metadata of a new one, with PyIceberg's own writer.

usage: pyiceberg_copy_entries.py METADATA FOLDER
Prints the path of the new table's metadata.
"""

import sys
from urllib.parse import unquote, urlparse

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import StaticTable

source, folder = sys.argv[1:]
original = StaticTable.from_metadata(f"file://{source}")
catalog = SqlCatalog("bench", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
catalog.create_namespace("bench")
table = catalog.create_table("bench.orders", schema=original.schema(), partition_spec=original.spec())
with table.transaction() as transaction, transaction.update_snapshot().fast_append() as append:
    for manifest in original.current_snapshot().manifests(original.io):
        for entry in manifest.fetch_manifest_entry(original.io):
            entry.data_file.spec_id = table.spec().spec_id
            append.append_data_file(entry.data_file)
print(unquote(urlparse(table.metadata_location).path))
