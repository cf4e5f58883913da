"""Makes the TPC-H tables as Parquet files, and the 22 queries with the tables' names in a namespace.

usage: tpch_make.py FOLDER SCALE NAMESPACE
Writes <table>.parquet for each table, and tpch.json with the tables' columns and the queries.
"""

import json
import sys
from importlib.resources import files

import duckdb
import sqlglot
from sqlglot import expressions

folder, scale, namespace = sys.argv[1:]
version = duckdb.__version__
extension = files("duckdb_extension_tpch") / "extensions" / f"v{version}" / "tpch.duckdb_extension"
connection = duckdb.connect()
connection.execute(f"LOAD '{extension}'")
connection.execute(f"CALL dbgen(sf = {float(scale)})")

tables = {}
for table, column, kind in connection.execute(
    "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY table_oid, column_index"
).fetchall():
    tables.setdefault(table, []).append({"name": column, "type": kind})
for table in tables:
    connection.execute(f"COPY {table} TO '{folder}/{table}.parquet' (FORMAT parquet)")

queries = []
for _number, text in connection.execute("FROM tpch_queries()").fetchall():
    query = sqlglot.parse_one(text, read="duckdb")
    for reference in query.find_all(expressions.Table):
        if reference.name in tables:
            reference.set("db", expressions.to_identifier(namespace))
    queries.append(query.sql(dialect="duckdb"))
with open(f"{folder}/tpch.json", "w") as file:
    json.dump({"tables": tables, "queries": queries}, file)
