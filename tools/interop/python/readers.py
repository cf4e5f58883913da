"""PyIceberg and DuckDB as witnesses: answers questions, one JSON object a line in, one a line out.

Values travel in one canonical form, whatever reader they come from: longs and decimals as text, dates and times as
ISO 8601 with six digits of a second, bytes as hex, maps as lists of pairs. Rows are sorted by their column `id`.
"""

import decimal
import json
import math
import sys
import traceback
import uuid
from datetime import datetime, timedelta, timezone

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
import pathlib
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg import expressions as ex
from pyiceberg import types as t
from pyiceberg.catalog import load_catalog
from pyiceberg.conversions import from_bytes, to_bytes
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import ManifestEntryStatus
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.transforms import parse_transform
from pyiceberg.utils import datetime as iceberg_datetime


def canonical(value, type_):
    if value is None:
        return None
    if isinstance(type_, t.StructType):
        return {f.name: canonical(value.get(f.name), f.field_type) for f in type_.fields}
    if isinstance(type_, t.ListType):
        return [canonical(item, type_.element_type) for item in value]
    if isinstance(type_, t.MapType):
        pairs = value.items() if isinstance(value, dict) else value
        return sorted(
            ([canonical(k, type_.key_type), canonical(v, type_.value_type)] for k, v in pairs),
            key=lambda pair: json.dumps(pair[0]),
        )
    if isinstance(type_, (t.FloatType, t.DoubleType)):
        return value if math.isfinite(value) else str(value)
    if isinstance(type_, t.LongType):
        return str(value)
    if isinstance(type_, t.DecimalType):
        return f"{decimal.Decimal(value):f}"
    if isinstance(type_, t.DateType):
        return value.isoformat()
    if isinstance(type_, t.TimeType):
        return value.isoformat(timespec="microseconds")
    if isinstance(type_, t.TimestampType):
        assert value.tzinfo is None
        return value.isoformat(timespec="microseconds")
    if isinstance(type_, t.TimestamptzType):
        assert value.tzinfo is not None
        return value.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(type_, t.TimestampNanoType):
        return nanoseconds(value)
    if isinstance(type_, t.TimestamptzNanoType):
        return nanoseconds(value) + "Z"
    if isinstance(type_, t.UUIDType):
        return str(uuid.UUID(bytes=value) if isinstance(value, bytes) else uuid.UUID(str(value)))
    if isinstance(type_, (t.BinaryType, t.FixedType)):
        return value.hex()
    return value


def canonical_physical(value, type_):
    """A literal or partition value, which PyIceberg holds as the number that is stored."""
    if value is None:
        return None
    if isinstance(type_, t.DateType) and isinstance(value, int):
        return iceberg_datetime.days_to_date(value).isoformat()
    if isinstance(type_, t.TimeType) and isinstance(value, int):
        return canonical(iceberg_datetime.micros_to_time(value), type_)
    if isinstance(type_, t.TimestampType) and isinstance(value, int):
        return canonical(iceberg_datetime.micros_to_timestamp(value), type_)
    if isinstance(type_, t.TimestamptzType) and isinstance(value, int):
        return canonical(iceberg_datetime.micros_to_timestamptz(value), type_)
    return canonical(value, type_)


def nanoseconds(value):
    """ISO 8601 with nine digits, of nanoseconds since 1970."""
    seconds, rest = divmod(value, 1_000_000_000)
    return f"{(datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()}.{rest:09d}"


def canonical_rows(arrow, schema):
    for field in schema.fields:
        # Python's own times end at microseconds.
        if isinstance(field.field_type, (t.TimestampNanoType, t.TimestamptzNanoType)):
            index = arrow.schema.get_field_index(field.name)
            arrow = arrow.set_column(index, field.name, arrow.column(index).cast(pa.int64()))
    rows = [
        {f.name: canonical(row[f.name], f.field_type) for f in schema.fields} for row in arrow.to_pylist()
    ]
    return sorted(rows, key=lambda row: (row.get("id") is None, int(row.get("id") or 0), json.dumps(row)))


def expression(node):
    op = node["op"]
    if op == "and":
        return ex.And(expression(node["left"]), expression(node["right"]))
    if op == "or":
        return ex.Or(expression(node["left"]), expression(node["right"]))
    if op == "not":
        return ex.Not(expression(node["child"]))
    if op == "true":
        return ex.AlwaysTrue()
    column = node["column"]
    if op == "is-null":
        return ex.IsNull(column)
    if op == "not-null":
        return ex.NotNull(column)
    if op == "in":
        return ex.In(column, node["values"])
    if op == "not-in":
        return ex.NotIn(column, node["values"])
    return {
        "lt": ex.LessThan,
        "lte": ex.LessThanOrEqual,
        "gt": ex.GreaterThan,
        "gte": ex.GreaterThanOrEqual,
        "eq": ex.EqualTo,
        "neq": ex.NotEqualTo,
    }[op](column, node["value"])


def scan_of(table, request):
    options = {}
    if request.get("snapshot"):
        options["snapshot_id"] = int(request["snapshot"])
    if request.get("filter"):
        options["row_filter"] = expression(request["filter"])
    return table.scan(**options)


def read(request):
    """Rows of a table, by its metadata file or by a catalog, at a snapshot and under a filter when one is given."""
    properties = request.get("properties") or {}
    if "metadata" in request:
        table = StaticTable.from_metadata(request["metadata"], properties)
    else:
        table = load_catalog("rest", type="rest", **properties).load_table(request["table"])
    scan = scan_of(table, request)
    return canonical_rows(scan.to_arrow(), scan.projection())


def plan(request):
    """The data files that PyIceberg would read."""
    table = StaticTable.from_metadata(request["metadata"])
    return sorted(task.file.file_path for task in scan_of(table, request).plan_files())


def describe(request):
    table = StaticTable.from_metadata(request["metadata"])
    metadata = table.metadata
    snapshots = []
    for snapshot in metadata.snapshots:
        files = [task.file for task in table.scan(snapshot_id=snapshot.snapshot_id).plan_files()]
        summary = snapshot.summary
        snapshots.append(
            {
                "id": str(snapshot.snapshot_id),
                "parent": None if snapshot.parent_snapshot_id is None else str(snapshot.parent_snapshot_id),
                "sequence": snapshot.sequence_number,
                "schema": snapshot.schema_id,
                "operation": summary.operation.value,
                "summary": dict(summary.additional_properties),
                "files": len(files),
                "records": sum(file.record_count for file in files),
                "bytes": sum(file.file_size_in_bytes for file in files),
            }
        )
    return {
        "version": metadata.format_version,
        "uuid": str(metadata.table_uuid),
        "lastColumnId": metadata.last_column_id,
        "lastSequence": getattr(metadata, "last_sequence_number", 0),
        "schema": json.loads(table.schema().model_dump_json()),
        "spec": json.loads(table.spec().model_dump_json()),
        "lastPartitionId": metadata.last_partition_id,
        "current": None if metadata.current_snapshot_id is None else str(metadata.current_snapshot_id),
        "refs": {name: str(ref.snapshot_id) for name, ref in metadata.refs.items()},
        "history": [str(entry.snapshot_id) for entry in metadata.snapshot_log],
        "snapshots": snapshots,
    }


def leaf_values(value, path):
    """The value that a path of struct fields leads to."""
    for name in path.split("."):
        if value is None:
            return None
        value = value[name]
    return value


def comparable(value, type_):
    if value is not None and isinstance(type_, t.UUIDType):
        return uuid.UUID(bytes=value) if isinstance(value, bytes) else uuid.UUID(str(value))
    return value


def physical(value, type_):
    """What a bound decodes to in PyIceberg, as the value that a row holds."""
    if isinstance(type_, t.DateType):
        return iceberg_datetime.days_to_date(value)
    if isinstance(type_, t.TimeType):
        return iceberg_datetime.micros_to_time(value)
    if isinstance(type_, t.TimestampType):
        return iceberg_datetime.micros_to_timestamp(value)
    if isinstance(type_, t.TimestamptzType):
        return iceberg_datetime.micros_to_timestamptz(value)
    if isinstance(type_, t.UUIDType):
        return comparable(value, type_)
    return value


def inspect_entries(request):
    """What manifests say of every live file, next to what PyIceberg computes of the file itself."""
    table = StaticTable.from_metadata(request["metadata"])
    snapshot = table.snapshot_by_id(int(request["snapshot"])) if request.get("snapshot") else table.current_snapshot()
    found = []
    manifests = []
    for manifest in snapshot.manifests(table.io):
        spec = table.specs()[manifest.partition_spec_id]
        schema = table.schema()
        partition_type = spec.partition_type(schema)
        entries = manifest.fetch_manifest_entry(table.io, discard_deleted=False)
        counts = {status: [e for e in entries if e.status == status] for status in ManifestEntryStatus}
        manifests.append(
            {
                "content": int(manifest.content),
                "length": manifest.manifest_length == pathlib.Path(manifest.manifest_path.removeprefix("file://")).stat().st_size,
                "sequence": manifest.sequence_number,
                "minSequence": manifest.min_sequence_number,
                "counts": [manifest.added_files_count, manifest.existing_files_count, manifest.deleted_files_count]
                == [len(counts[ManifestEntryStatus(i)]) for i in (1, 0, 2)],
                "rows": [manifest.added_rows_count, manifest.existing_rows_count, manifest.deleted_rows_count]
                == [sum(e.data_file.record_count for e in counts[ManifestEntryStatus(i)]) for i in (1, 0, 2)],
                "partitions": [
                    {
                        "null": summary.contains_null,
                        "lower": None if summary.lower_bound is None else canonical_physical(from_bytes(f.field_type, summary.lower_bound), f.field_type),
                        "upper": None if summary.upper_bound is None else canonical_physical(from_bytes(f.field_type, summary.upper_bound), f.field_type),
                    }
                    for summary, f in zip(manifest.partitions or [], partition_type.fields)
                ],
            }
        )
        for entry in entries:
            if entry.status == ManifestEntryStatus.DELETED:
                continue
            found.append(describe_file(table, schema, spec, partition_type, entry))
    return {"manifests": manifests, "files": sorted(found, key=lambda file: file["path"])}


def describe_file(table, schema, spec, partition_type, entry):
    file = entry.data_file
    local = file.file_path.removeprefix("file://")
    footer = pq.read_metadata(local)
    own_schema = request_schema(table, footer)
    computed = data_file_statistics_from_parquet_metadata(
        footer,
        compute_statistics_plan(own_schema, table.metadata.properties),
        parquet_path_to_id_mapping(own_schema),
    )
    own = computed.to_serialized_dict()
    rows = pq.ParquetFile(local).read().to_pylist()
    wrong = []
    bounded = 0
    for field_id, bound in [*file.lower_bounds.items(), *file.upper_bounds.items()]:
        assert own_schema.find_field(field_id) is not None
    for field_id in {*file.lower_bounds, *file.upper_bounds}:
        type_ = own_schema.find_type(field_id)
        path = own_schema.find_column_name(field_id)
        lower = physical(from_bytes(type_, file.lower_bounds[field_id]), type_) if field_id in file.lower_bounds else None
        upper = physical(from_bytes(type_, file.upper_bounds[field_id]), type_) if field_id in file.upper_bounds else None
        values = [comparable(leaf_values(row, path), type_) for row in rows]
        if file.null_value_counts.get(field_id) is not None and file.null_value_counts[field_id] != values.count(None):
            wrong.append(f"{path}: {values.count(None)} nulls")
        for value in values:
            if value is None or (isinstance(value, float) and math.isnan(value)):
                continue
            bounded += 1
            if (lower is not None and value < lower) or (upper is not None and value > upper):
                wrong.append(f"{path}: {value!r} is not within {lower!r} and {upper!r}")
    for field in spec.fields:
        index = spec.fields.index(field)
        transform = field.transform.transform(schema.find_type(field.source_id))
        path = schema.find_column_name(field.source_id)
        type_ = schema.find_type(field.source_id)
        recorded = file.partition[index]
        for row in rows:
            value = stored(leaf_values(row, path), type_)
            expected = transform(value)
            if isinstance(expected, uuid.UUID) or isinstance(recorded, uuid.UUID):
                expected, recorded = (x if x is None else comparable(x, t.UUIDType()) for x in (expected, recorded))
            same = expected == recorded or (isinstance(expected, float) and math.isnan(expected) and math.isnan(recorded))
            if not same:
                wrong.append(f"{field.name}: {value!r} gives {expected!r}, not {recorded!r}")

    def bounds(map_):
        return {str(i): canonical_physical(from_bytes(own_schema.find_type(i), v), own_schema.find_type(i)) for i, v in sorted(map_.items())}

    def counts(map_):
        return {str(i): v for i, v in sorted((map_ or {}).items())}

    return {
        "path": file.file_path,
        "format": file.file_format.value,
        "partition": [canonical_physical(file.partition[i], f.field_type) for i, f in enumerate(partition_type.fields)],
        "records": file.record_count,
        "recordsRight": file.record_count == footer.num_rows == len(rows),
        "sizeRight": file.file_size_in_bytes == pathlib.Path(local).stat().st_size,
        "splitOffsets": file.split_offsets,
        "sequence": entry.sequence_number,
        "wrong": wrong,
        "bounded": bounded,
        "lower": bounds(file.lower_bounds),
        "upper": bounds(file.upper_bounds),
        "values": counts(file.value_counts),
        "nulls": counts(file.null_value_counts),
        "nans": counts(file.nan_value_counts),
        "computed": {
            "lower": bounds(own["lower_bounds"]),
            "upper": bounds(own["upper_bounds"]),
            "values": counts(own["value_counts"]),
            "nulls": counts(own["null_value_counts"]),
            "splitOffsets": own["split_offsets"],
        },
    }


def request_schema(table, footer):
    """The youngest schema of the table whose columns are those of the file."""
    ids = {int(f.metadata[b"PARQUET:field_id"]) for f in footer.schema.to_arrow_schema()}
    for schema in [table.schema(), *reversed(table.metadata.schemas)]:
        if {f.field_id for f in schema.fields} == ids:
            return schema
    raise AssertionError(f"no schema has the columns {ids}")


def stored(value, type_):
    """A row's value as the number that transforms take."""
    if value is None:
        return None
    if isinstance(type_, t.DateType):
        return iceberg_datetime.date_to_days(value)
    if isinstance(type_, t.TimeType):
        return iceberg_datetime.time_to_micros(value)
    if isinstance(type_, t.TimestampType):
        return iceberg_datetime.datetime_to_micros(value)
    if isinstance(type_, t.TimestamptzType):
        return iceberg_datetime.datetime_to_micros(value)
    if isinstance(type_, t.UUIDType):
        return comparable(value, type_)
    return value


def arrow_rows(request):
    """Rows of an Arrow IPC file, in the canonical form that the table's schema asks for."""
    table = StaticTable.from_metadata(request["metadata"])
    schema = table.schema()
    if request.get("snapshot"):
        schema = table.scan(snapshot_id=int(request["snapshot"])).projection()
    with pa.OSFile(request["file"]) as source:
        return canonical_rows(pa.ipc.open_stream(source).read_all(), schema)


_duckdb = None


def duckdb_rows(request):
    """Rows as DuckDB's own Iceberg extension reads them."""
    global _duckdb
    if _duckdb is None:
        _duckdb = duckdb.connect()
        _duckdb.execute("SET TimeZone = 'UTC'")
        for name, module in [
            ("avro", duckdb_extension_avro),
            ("httpfs", duckdb_extension_httpfs),
            ("iceberg", duckdb_extension_iceberg),
        ]:
            file = next((pathlib.Path(module.__file__).parent / "extensions").glob(f"*/{name}.duckdb_extension"))
            _duckdb.execute(f"INSTALL '{file}'")
            _duckdb.execute(f"LOAD {name}")
    table = StaticTable.from_metadata(request["metadata"])
    at = f", snapshot_from_id = {int(request['snapshot'])}" if request.get("snapshot") else ""
    schema = table.scan(snapshot_id=int(request["snapshot"])).projection() if request.get("snapshot") else table.schema()
    location = request["metadata"].replace("'", "''")
    result = _duckdb.execute(f"SELECT * FROM iceberg_scan('{location}'{at})")
    return canonical_rows(result.to_arrow_table(), schema)


def parse_value(text, type_):
    """A value in canonical form as what PyIceberg's transforms and conversions take."""
    if text is None:
        return None
    if isinstance(type_, (t.IntegerType, t.LongType)):
        return int(text)
    if isinstance(type_, t.DecimalType):
        return decimal.Decimal(text)
    if isinstance(type_, (t.BinaryType, t.FixedType)):
        return bytes.fromhex(text)
    if isinstance(type_, t.UUIDType):
        return uuid.UUID(text)
    if isinstance(type_, (t.DateType, t.TimeType, t.TimestampType, t.TimestamptzType)):
        return int(text)
    if isinstance(type_, (t.FloatType, t.DoubleType)):
        return float(text)
    return text


def plain_result(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return f"{value:f}" if isinstance(value, decimal.Decimal) else str(value)


def type_of(text):
    return Schema.model_validate(
        {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "x", "type": text, "required": False}]}
    ).fields[0].field_type


def transform_values(request):
    """PyIceberg's transforms of many values: dates and times are given as the numbers that are stored."""
    type_ = type_of(request["type"])
    apply = parse_transform(request["transform"]).transform(type_)
    return [plain_result(apply(parse_value(value, type_))) for value in request["values"]]


def encode_values(request):
    type_ = type_of(request["type"])
    return [to_bytes(type_, parse_value(value, type_)).hex() for value in request["values"]]


def decode_values(request):
    type_ = type_of(request["type"])
    return [plain_result(from_bytes(type_, bytes.fromhex(value))) for value in request["values"]]


_catalogs = {}


def catalog_of(folder):
    from pyiceberg.catalog.memory import InMemoryCatalog

    if folder not in _catalogs:
        _catalogs[folder] = InMemoryCatalog("witness", warehouse=f"file://{folder}")
        _catalogs[folder].create_namespace("py")
    return _catalogs[folder]


def written(table):
    return {"metadata": table.metadata_location}


def create(request):
    """A new table by PyIceberg: schema and spec in the specification's JSON."""
    schema = Schema.model_validate(request["schema"])
    spec = PartitionSpec(
        *(
            PartitionField(
                source_id=schema.find_field(column).field_id,
                field_id=PARTITION_FIELD_ID_START + index,
                transform=parse_transform(transform),
                name=f"{column}_part_{index}",
            )
            for index, (column, transform) in enumerate(request.get("partitioning", []))
        )
    )
    return written(
        catalog_of(request["folder"]).create_table(
            f"py.{request['name']}", schema, partition_spec=spec, properties=request.get("properties", {})
        )
    )


def register(request):
    """Lets PyIceberg's catalog go on from a metadata file of another writer."""
    catalog = catalog_of(request["folder"])
    name = f"py.{request['name']}"
    if catalog.table_exists(name):
        catalog.drop_table(name)
    return written(catalog.register_table(name, request["metadata"]))


def logical(value, type_):
    """A value of the canonical form as a Python object for Arrow."""
    if value is None:
        return None
    if isinstance(type_, t.StructType):
        return {f.name: logical(value.get(f.name), f.field_type) for f in type_.fields}
    if isinstance(type_, t.ListType):
        return [logical(item, type_.element_type) for item in value]
    if isinstance(type_, t.MapType):
        return [(logical(k, type_.key_type), logical(v, type_.value_type)) for k, v in value]
    from datetime import date, time

    if isinstance(type_, t.DateType):
        return date.fromisoformat(value)
    if isinstance(type_, t.TimeType):
        return time.fromisoformat(value)
    if isinstance(type_, (t.TimestampType, t.TimestamptzType)):
        return datetime.fromisoformat(value)
    if isinstance(type_, t.UUIDType):
        return uuid.UUID(value).bytes
    return parse_value(value, type_)


def arrow_of(table, rows):
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    schema = table.schema()
    return pa.Table.from_pylist(
        [{f.name: logical(row.get(f.name), f.field_type) for f in schema.fields} for row in rows],
        schema=schema_to_pyarrow(schema, include_field_ids=False),
    )


def write_parquet(request):
    """A Parquet file without field ids."""
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    schema = Schema.model_validate(request["schema"])
    rows = [{f.name: logical(row.get(f.name), f.field_type) for f in schema.fields} for row in request["rows"]]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema_to_pyarrow(schema, include_field_ids=False)), request["path"])


def write(request):
    table = catalog_of(request["folder"]).load_table(f"py.{request['name']}")
    mode = request["mode"]
    if mode == "append":
        table.append(arrow_of(table, request["rows"]))
    elif mode == "overwrite":
        table.overwrite(arrow_of(table, request["rows"]), overwrite_filter=expression(request["filter"]))
    elif mode == "delete":
        table.delete(expression(request["filter"]))
    elif mode == "upsert":
        table.upsert(arrow_of(table, request["rows"]), join_cols=request["key"])
    elif mode == "upgrade":
        with table.transaction() as transaction:
            transaction.upgrade_table_version(2)
    elif mode == "add-column":
        with table.update_schema() as update:
            update.add_column(request["column"], type_of(request["type"]))
    elif mode == "rename-column":
        with table.update_schema() as update:
            update.rename_column(request["column"], request["to"])
    elif mode == "widen":
        with table.update_schema() as update:
            update.update_column(request["column"], field_type=type_of(request["type"]))
    elif mode == "add-partition":
        with table.update_spec() as update:
            update.add_field(request["column"], parse_transform(request["transform"]), request["as"])
    else:
        raise ValueError(mode)
    return written(table.refresh())


operations = {
    operation.__name__: operation
    for operation in [
        read,
        plan,
        describe,
        inspect_entries,
        arrow_rows,
        duckdb_rows,
        transform_values,
        encode_values,
        decode_values,
        create,
        register,
        write_parquet,
        write,
    ]
}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"result": operations[request["operation"]](request)}
    except Exception as error:  # noqa: BLE001 - every failure is the asker's to see
        answer = {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
