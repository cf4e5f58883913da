package phlo.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.ChangelogScanTask;
import org.apache.iceberg.ContentScanTask;
import org.apache.iceberg.DeleteFile;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.MetadataColumns;
import org.apache.iceberg.MetadataTableType;
import org.apache.iceberg.MetadataTableUtils;
import org.apache.iceberg.ScanTask;
import org.apache.iceberg.Schema;
import org.apache.iceberg.StructLike;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadataParser;
import org.apache.iceberg.TableProperties;
import org.apache.iceberg.TableScan;
import org.apache.iceberg.data.GenericDeleteFilter;
import org.apache.iceberg.data.IdentityPartitionConverters;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.expressions.Evaluator;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.data.InternalRecordWrapper;
import org.apache.iceberg.formats.FormatModelRegistry;
import org.apache.iceberg.formats.ReadBuilder;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.mapping.NameMappingParser;
import org.apache.iceberg.types.TypeUtil;
import org.apache.iceberg.util.PartitionUtil;
import org.apache.iceberg.util.SnapshotUtil;

/** What Iceberg Java finds in a table. */
final class Reads {
  /** The live rows, of a snapshot, a ref or a time when one is given, under the filter. */
  static Object read(JsonNode request) throws IOException {
    Table table = LocalTable.of(request);
    TableScan scan = scan(table, request);
    List<Map<String, Object>> rows = new ArrayList<>();
    try (CloseableIterable<FileScanTask> tasks = scan.planFiles()) {
      for (FileScanTask task : tasks) {
        try (CloseableIterable<Record> records = records(table, task, scan.schema(), task.residual())) {
          records.forEach(record -> rows.add(Values.row(record, scan.schema().asStruct())));
        }
      }
    }
    return Values.sorted(rows);
  }

  /** The files that a scan reads, each with the deletes to apply and the filter that is left. */
  static Object plan(JsonNode request) throws IOException {
    List<Map<String, Object>> planned = new ArrayList<>();
    try (CloseableIterable<FileScanTask> tasks = scan(LocalTable.of(request), request).planFiles()) {
      for (FileScanTask task : tasks) {
        planned.add(
            object(
                "file", task.file().location(),
                "deletes", task.deletes().stream().map(Reads::delete).sorted(byText()).toList(),
                "residual", task.residual().toString()));
      }
    }
    planned.sort(byText());
    return planned;
  }

  /** The files that appends between two snapshots added. */
  static Object incremental(JsonNode request) throws IOException {
    Table table = LocalTable.of(request);
    List<String> files = new ArrayList<>();
    try (CloseableIterable<FileScanTask> tasks =
        table
            .newIncrementalAppendScan()
            .fromSnapshotExclusive(request.get("from").asLong())
            .toSnapshot(request.get("to").asLong())
            .planFiles()) {
      tasks.forEach(task -> files.add(task.file().location()));
    }
    files.sort(Comparator.naturalOrder());
    return files;
  }

  /** What each snapshot between two did to which file. */
  static Object changelog(JsonNode request) throws IOException {
    Table table = LocalTable.of(request);
    List<Map<String, Object>> changes = new ArrayList<>();
    try (CloseableIterable<ChangelogScanTask> tasks =
        table
            .newIncrementalChangelogScan()
            .fromSnapshotExclusive(request.get("from").asLong())
            .toSnapshot(request.get("to").asLong())
            .planFiles()) {
      for (ChangelogScanTask task : tasks) {
        changes.add(
            object(
                "ordinal", task.changeOrdinal(),
                "snapshot", Long.toString(task.commitSnapshotId()),
                "operation", task.operation().name().toLowerCase(),
                "file", ((ContentScanTask<?>) task).file().location()));
      }
    }
    changes.sort(byText());
    return changes;
  }

  /** The rows of a metadata table, of a snapshot when one is given. */
  static Object metadata(JsonNode request) throws IOException {
    BaseTable table = LocalTable.of(request);
    MetadataTableType type = MetadataTableType.from(request.get("table").asText());
    Table metadataTable = MetadataTableUtils.createMetadataTableInstance(table, type);
    TableScan scan = metadataTable.newScan();
    if (request.hasNonNull("snapshot")) {
      scan = scan.useSnapshot(request.get("snapshot").asLong());
    }
    List<Map<String, Object>> rows = new ArrayList<>();
    try (CloseableIterable<FileScanTask> tasks = scan.planFiles()) {
      for (FileScanTask task : tasks) {
        try (CloseableIterable<StructLike> found = task.asDataTask().rows()) {
          for (StructLike row : found) {
            rows.add(Values.row(row, task.schema().asStruct()));
          }
        }
      }
    }
    rows.sort(byText());
    return rows;
  }

  /** The table's metadata as Iceberg Java would write it again. */
  static Object describe(JsonNode request) throws IOException {
    return Witness.JSON.readTree(TableMetadataParser.toJson(LocalTable.of(request).operations().current()));
  }

  /**
   * The live rows of a task's file. As Iceberg's own generic reader does it, which knows no name mapping and gives no row
   * ids.
   */
  static CloseableIterable<Record> records(Table table, FileScanTask task, Schema projection, Expression filter) {
    GenericDeleteFilter deletes = new GenericDeleteFilter(table.io(), task, table.schema(), projection);
    Schema schema = deletes.requiredSchema();
    CloseableIterable<Record> live = deletes.filter(stored(table, task, schema));
    Evaluator residual = new Evaluator(schema.asStruct(), filter);
    InternalRecordWrapper row = new InternalRecordWrapper(schema.asStruct());
    return CloseableIterable.filter(live, record -> residual.eval(row.wrap(record)));
  }

  /** All rows that the task's file holds, in its order. */
  static CloseableIterable<Record> stored(Table table, FileScanTask task, Schema schema) {
    ReadBuilder<Record, ?> builder =
        FormatModelRegistry.readBuilder(
            task.file().format(), Record.class, table.io().newInputFile(task.file().location()));
    String mapping = table.properties().get(TableProperties.DEFAULT_NAME_MAPPING);
    if (mapping != null) {
      builder = builder.withNameMapping(NameMappingParser.fromJson(mapping));
    }
    return builder
        .project(schema)
        .idToConstant(PartitionUtil.constantsMap(task, IdentityPartitionConverters::convertConstant))
        .build();
  }

  private static TableScan scan(Table table, JsonNode request) {
    TableScan scan = table.newScan();
    Schema schema = table.schema();
    if (request.hasNonNull("snapshot")) {
      long snapshot = request.get("snapshot").asLong();
      scan = scan.useSnapshot(snapshot);
      schema = SnapshotUtil.schemaFor(table, snapshot);
    } else if (request.hasNonNull("ref")) {
      String ref = request.get("ref").asText();
      scan = scan.useRef(ref);
      schema = SnapshotUtil.schemaFor(table, ref);
    } else if (request.hasNonNull("asOf")) {
      long snapshot = SnapshotUtil.snapshotIdAsOfTime(table, request.get("asOf").asLong());
      scan = scan.useSnapshot(snapshot);
      schema = SnapshotUtil.schemaFor(table, snapshot);
    }
    if (request.hasNonNull("filter")) {
      scan = scan.filter(Filters.expression(request.get("filter"), schema));
    }
    if (request.path("lineage").asBoolean()) {
      schema =
          TypeUtil.join(
              schema,
              new Schema(MetadataColumns.ROW_ID, MetadataColumns.LAST_UPDATED_SEQUENCE_NUMBER));
      scan = scan.project(schema);
    }
    if (request.hasNonNull("columns")) {
      List<String> columns = new ArrayList<>();
      request.get("columns").forEach(column -> columns.add(column.asText()));
      scan = scan.select(columns);
    }
    return scan;
  }

  private static Map<String, Object> delete(DeleteFile file) {
    return object("file", file.location(), "content", file.content().id(), "offset", file.contentOffset());
  }

  /** Names and values in turns as an object that keeps their order. */
  private static Map<String, Object> object(Object... entries) {
    Map<String, Object> result = new LinkedHashMap<>();
    for (int index = 0; index < entries.length; index += 2) {
      result.put((String) entries[index], entries[index + 1]);
    }
    return result;
  }

  private static Comparator<Map<String, Object>> byText() {
    return Comparator.comparing(Object::toString);
  }

  private Reads() {}
}
