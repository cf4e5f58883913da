package phlo.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DataFiles;
import org.apache.iceberg.DeleteFile;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.ManageSnapshots;
import org.apache.iceberg.Metrics;
import org.apache.iceberg.MetricsConfig;
import org.apache.iceberg.PartitionSpecParser;
import org.apache.iceberg.RewriteFiles;
import org.apache.iceberg.RowDelta;
import org.apache.iceberg.Schema;
import org.apache.iceberg.SchemaParser;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.SnapshotUpdate;
import org.apache.iceberg.SortOrderParser;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.TableProperties;
import org.apache.iceberg.TableScan;
import org.apache.iceberg.UpdatePartitionSpec;
import org.apache.iceberg.UpdateProperties;
import org.apache.iceberg.UpdateSchema;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.expressions.Literal;
import org.apache.iceberg.expressions.Term;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.io.DeleteWriteResult;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.mapping.MappingUtil;
import org.apache.iceberg.mapping.NameMapping;
import org.apache.iceberg.mapping.NameMappingParser;
import org.apache.iceberg.parquet.ParquetUtil;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;

/** A script of changes that Iceberg Java makes to a table, each step a commit of its own. */
final class Writes {
  private interface Step {
    void take(BaseTable table, JsonNode step) throws IOException;
  }

  private static final Map<String, Step> STEPS = new HashMap<>();

  static {
    STEPS.put("append", Writes::append);
    STEPS.put("overwrite", Writes::overwrite);
    STEPS.put("replacePartitions", Writes::replacePartitions);
    STEPS.put("delete", Writes::delete);
    STEPS.put("rowDelta", Writes::rowDelta);
    STEPS.put("compact", Writes::compact);
    STEPS.put("addFiles", Writes::addFiles);
    STEPS.put("rewriteManifests", (table, step) -> table.rewriteManifests().clusterBy(file -> "").commit());
    STEPS.put("schema", Writes::schema);
    STEPS.put("spec", Writes::spec);
    STEPS.put("snapshots", Writes::snapshots);
    STEPS.put("properties", Writes::properties);
    STEPS.put("mapNames", Writes::mapNames);
    STEPS.put("upgrade", Writes::upgrade);
    STEPS.put("expire", Writes::expire);
    STEPS.put("statistics", Statistics::write);
  }

  /**
   * Makes a table at {@code location}, or goes on from the metadata file {@code metadata}. Answers with the last metadata
   * file, and with the youngest snapshot after each step.
   */
  static Object write(JsonNode request) throws IOException {
    LocalTable operations = new LocalTable(request.hasNonNull("metadata") ? request.get("metadata").asText() : null);
    if (request.hasNonNull("create")) {
      create(operations, request.get("location").asText(), request.get("create"));
    }
    BaseTable table = operations.table();
    List<String> snapshots = new ArrayList<>();
    for (JsonNode step : request.path("steps")) {
      STEPS.get(step.get("do").asText()).take(table, step);
      table.refresh();
      snapshots.add(youngest(table));
    }
    operations.refresh();
    return Map.of(
        "metadata", LocalFiles.file(operations.currentMetadataLocation()).getPath(), "snapshots", snapshots);
  }

  private static String youngest(BaseTable table) {
    String youngest = "";
    for (Snapshot snapshot : table.snapshots()) {
      youngest = Long.toString(snapshot.snapshotId());
    }
    return youngest;
  }

  private static void create(LocalTable operations, String location, JsonNode create) {
    Schema schema = SchemaParser.fromJson(create.get("schema"));
    Map<String, String> properties = strings(create.path("properties"));
    operations.commit(
        null,
        TableMetadata.newTableMetadata(
            schema,
            PartitionSpecParser.fromJson(schema, create.get("spec")),
            SortOrderParser.fromJson(schema, create.get("order").toString()),
            location,
            properties));
  }

  private static void append(BaseTable table, JsonNode step) throws IOException {
    var append = step.path("fast").asBoolean() ? table.newFastAppend() : table.newAppend();
    for (DataFile file : new TableFiles(table).data(step.get("rows"))) {
      append.appendFile(file);
    }
    commit(append, step);
  }

  private static void overwrite(BaseTable table, JsonNode step) throws IOException {
    var overwrite = table.newOverwrite().overwriteByRowFilter(Filters.expression(step.get("filter"), table.schema()));
    for (DataFile file : new TableFiles(table).data(step.get("rows"))) {
      overwrite.addFile(file);
    }
    commit(overwrite, step);
  }

  private static void replacePartitions(BaseTable table, JsonNode step) throws IOException {
    var replace = table.newReplacePartitions();
    for (DataFile file : new TableFiles(table).data(step.get("rows"))) {
      replace.addFile(file);
    }
    commit(replace, step);
  }

  private static void delete(BaseTable table, JsonNode step) {
    commit(table.newDelete().deleteFromRowFilter(Filters.expression(step.get("filter"), table.schema())), step);
  }

  /** Deletes rows by position ({@code where}) or by values of columns ({@code equal}), and adds {@code rows}. */
  private static void rowDelta(BaseTable table, JsonNode step) throws IOException {
    TableFiles files = new TableFiles(table);
    RowDelta delta = table.newRowDelta();
    if (head(table, step) != null) {
      delta.validateFromSnapshot(head(table, step).snapshotId());
    }
    if (step.hasNonNull("where")) {
      DeleteWriteResult result =
          files.positionDeletes(
              scan(table, step),
              Filters.expression(step.get("where"), table.schema()),
              step.path("granularity").asText("file"));
      result.deleteFiles().forEach(delta::addDeletes);
      result.rewrittenDeleteFiles().forEach(delta::removeDeletes);
    }
    if (step.hasNonNull("equal")) {
      JsonNode equal = step.get("equal");
      for (DeleteFile file :
          files.equalityDeletes(
              strings(equal.get("columns"), "columns"),
              equal.get("rows"),
              equal.hasNonNull("spec") ? table.specs().get(equal.get("spec").asInt()) : table.spec())) {
        delta.addDeletes(file);
      }
    }
    if (step.hasNonNull("rows")) {
      for (DataFile file : files.data(step.get("rows"))) {
        delta.addRows(file);
      }
    }
    commit(delta, step);
  }

  /** Rewrites all live rows into new files, at the sequence number that the branch has. */
  private static void compact(BaseTable table, JsonNode step) throws IOException {
    Set<DataFile> before = new HashSet<>();
    Set<DeleteFile> deletes = new HashSet<>();
    List<Record> rows = new ArrayList<>();
    try (CloseableIterable<FileScanTask> tasks = scan(table, step).planFiles()) {
      for (FileScanTask task : tasks) {
        before.add(task.file());
        deletes.addAll(task.deletes());
        try (CloseableIterable<Record> records =
            Reads.records(table, task, table.schema(), Expressions.alwaysTrue())) {
          records.forEach(rows::add);
        }
      }
    }
    Snapshot head = head(table, step);
    RewriteFiles rewrite = table.newRewrite().validateFromSnapshot(head.snapshotId());
    rewrite.dataSequenceNumber(head.sequenceNumber());
    before.forEach(rewrite::deleteFile);
    deletes.forEach(rewrite::deleteFile);
    new TableFiles(table).records(rows).forEach(rewrite::addFile);
    commit(rewrite, step);
  }

  /** Registers Parquet files that nobody wrote for this table, with what their footers tell. */
  private static void addFiles(BaseTable table, JsonNode step) {
    NameMapping mapping =
        NameMappingParser.fromJson(table.properties().get(TableProperties.DEFAULT_NAME_MAPPING));
    var append = table.newAppend();
    for (String path : strings(step.get("paths"), "paths")) {
      InputFile input = table.io().newInputFile(path);
      Metrics metrics = ParquetUtil.fileMetrics(input, MetricsConfig.forTable(table), mapping);
      append.appendFile(
          DataFiles.builder(table.spec())
              .withPath(path)
              .withFileSizeInBytes(input.getLength())
              .withFormat(FileFormat.PARQUET)
              .withMetrics(metrics)
              .build());
    }
    commit(append, step);
  }

  private static void schema(BaseTable table, JsonNode step) {
    UpdateSchema update = table.updateSchema();
    for (JsonNode change : step.get("changes")) {
      if (change.has("add")) {
        add(update, change);
      } else if (change.has("rename")) {
        update.renameColumn(change.get("rename").asText(), change.get("to").asText());
      } else if (change.has("drop")) {
        update.deleteColumn(change.get("drop").asText());
      } else if (change.has("widen")) {
        update.updateColumn(change.get("widen").asText(), type(change.get("type")).asPrimitiveType());
      } else if (change.has("optional")) {
        update.makeColumnOptional(change.get("optional").asText());
      } else if (change.has("first")) {
        update.moveFirst(change.get("first").asText());
      } else if (change.has("move")) {
        update.moveAfter(change.get("move").asText(), change.get("after").asText());
      } else if (change.has("writeDefault")) {
        String column = change.get("writeDefault").asText();
        update.updateColumnDefault(column, literal(change.get("value"), table.schema().findType(column)));
      } else {
        throw new IllegalArgumentException("no such change: " + change);
      }
    }
    update.commit();
  }

  private static void add(UpdateSchema update, JsonNode change) {
    String parent = change.hasNonNull("in") ? change.get("in").asText() : null;
    String name = change.get("add").asText();
    Type type = type(change.get("type"));
    Literal<?> value = change.hasNonNull("default") ? literal(change.get("default"), type) : null;
    if (change.path("required").asBoolean()) {
      update.addRequiredColumn(parent, name, type, null, value);
    } else {
      update.addColumn(parent, name, type, null, value);
    }
  }

  private static void spec(BaseTable table, JsonNode step) {
    UpdatePartitionSpec update = table.updateSpec();
    for (JsonNode field : step.path("remove")) {
      update.removeField(field.asText());
    }
    for (JsonNode field : step.path("add")) {
      update.addField(term(field.get(0).asText(), field.get(1).asText()));
    }
    update.commit();
  }

  private static Term term(String column, String transform) {
    int bracket = transform.indexOf('[');
    String name = bracket < 0 ? transform : transform.substring(0, bracket);
    int width = bracket < 0 ? 0 : Integer.parseInt(transform.substring(bracket + 1, transform.length() - 1));
    return switch (name) {
      case "identity" -> Expressions.ref(column);
      case "bucket" -> Expressions.bucket(column, width);
      case "truncate" -> Expressions.truncate(column, width);
      case "year" -> Expressions.year(column);
      case "month" -> Expressions.month(column);
      case "day" -> Expressions.day(column);
      case "hour" -> Expressions.hour(column);
      default -> throw new IllegalArgumentException("no transform " + transform);
    };
  }

  /** Changes of branches and tags, and of what is current. */
  private static void snapshots(BaseTable table, JsonNode step) {
    ManageSnapshots manage = table.manageSnapshots();
    JsonNode at = step.path("at");
    if (step.has("branch")) {
      manage.createBranch(step.get("branch").asText(), at.isMissingNode() ? current(table) : at.asLong());
    } else if (step.has("tag")) {
      manage.createTag(step.get("tag").asText(), at.isMissingNode() ? current(table) : at.asLong());
    } else if (step.has("removeBranch")) {
      manage.removeBranch(step.get("removeBranch").asText());
    } else if (step.has("fastForward")) {
      manage.fastForwardBranch(step.get("fastForward").asText(), step.get("to").asText());
    } else if (step.has("cherrypick")) {
      manage.cherrypick(step.get("cherrypick").asLong());
    } else if (step.has("rollback")) {
      manage.rollbackTo(step.get("rollback").asLong());
    } else if (step.has("setCurrent")) {
      manage.setCurrentSnapshot(step.get("setCurrent").asLong());
    } else {
      throw new IllegalArgumentException("no such change: " + step);
    }
    manage.commit();
  }

  private static long current(BaseTable table) {
    return table.currentSnapshot().snapshotId();
  }

  private static void properties(BaseTable table, JsonNode step) {
    UpdateProperties update = table.updateProperties();
    strings(step.get("set")).forEach(update::set);
    update.commit();
  }

  /** Gives the columns' names of today to files without field ids. */
  private static void mapNames(BaseTable table, JsonNode step) {
    table
        .updateProperties()
        .set(TableProperties.DEFAULT_NAME_MAPPING, NameMappingParser.toJson(MappingUtil.create(table.schema())))
        .commit();
  }

  private static void upgrade(BaseTable table, JsonNode step) {
    TableMetadata metadata = table.operations().current();
    table.operations().commit(metadata, metadata.upgradeToFormatVersion(step.get("version").asInt()));
  }

  private static void expire(BaseTable table, JsonNode step) {
    var expire = table.expireSnapshots().cleanExpiredFiles(true);
    step.get("ids").forEach(id -> expire.expireSnapshotId(id.asLong()));
    expire.commit();
  }

  private static TableScan scan(BaseTable table, JsonNode step) {
    TableScan scan = table.newScan();
    return step.hasNonNull("branch") ? scan.useRef(step.get("branch").asText()) : scan;
  }

  private static Snapshot head(BaseTable table, JsonNode step) {
    return step.hasNonNull("branch") ? table.snapshot(step.get("branch").asText()) : table.currentSnapshot();
  }

  private static <T> void commit(SnapshotUpdate<T> update, JsonNode step) {
    if (step.hasNonNull("branch")) {
      update.toBranch(step.get("branch").asText());
    }
    if (step.hasNonNull("wap")) {
      update.set("wap.id", step.get("wap").asText());
      update.stageOnly();
    }
    update.commit();
  }

  private static Type type(JsonNode node) {
    String field = "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":false,\"type\":%s}]}";
    Schema schema = SchemaParser.fromJson(field.formatted(node));
    return schema.findType("x");
  }

  private static Literal<?> literal(JsonNode node, Type type) {
    return Expressions.lit(Filters.value(node, type)).to(type);
  }

  private static Map<String, String> strings(JsonNode object) {
    Map<String, String> result = new HashMap<>();
    object.fields().forEachRemaining(entry -> result.put(entry.getKey(), entry.getValue().asText()));
    return result;
  }

  private static List<String> strings(JsonNode array, String what) {
    if (array == null || !array.isArray()) {
      throw new IllegalArgumentException(what + " are no list");
    }
    List<String> result = new ArrayList<>();
    array.forEach(item -> result.add(item.asText()));
    return result;
  }

  private Writes() {}
}
