package phlo.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DeleteFile;
import org.apache.iceberg.FileContent;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.PartitionKey;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.StructLike;
import org.apache.iceberg.TableScan;
import org.apache.iceberg.TableUtil;
import org.apache.iceberg.data.BaseDeleteLoader;
import org.apache.iceberg.data.GenericFileWriterFactory;
import org.apache.iceberg.data.InternalRecordWrapper;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.deletes.BaseDVFileWriter;
import org.apache.iceberg.deletes.EqualityDeleteWriter;
import org.apache.iceberg.deletes.PositionDelete;
import org.apache.iceberg.deletes.PositionDeleteIndex;
import org.apache.iceberg.deletes.PositionDeleteWriter;
import org.apache.iceberg.encryption.EncryptedOutputFile;
import org.apache.iceberg.expressions.Evaluator;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.io.DataWriter;
import org.apache.iceberg.io.DeleteWriteResult;
import org.apache.iceberg.io.OutputFileFactory;
import org.apache.iceberg.util.CharSequenceSet;

/** Writes data files and delete files of a table; whoever asks for them commits them. */
final class TableFiles {
  private final BaseTable table;
  private final Schema schema;
  private final OutputFileFactory parquet;

  TableFiles(BaseTable table) {
    this.table = table;
    this.schema = table.schema();
    this.parquet = OutputFileFactory.builderFor(table, 0, 0).format(FileFormat.PARQUET).build();
  }

  /** Data files of the rows, one for each partition that they fall into. */
  List<DataFile> data(JsonNode rows) throws IOException {
    List<Record> records = new ArrayList<>();
    rows.forEach(row -> records.add(Values.record(row, schema.asStruct())));
    return records(records);
  }

  List<DataFile> records(List<Record> records) throws IOException {
    PartitionSpec spec = table.spec();
    GenericFileWriterFactory writers = new GenericFileWriterFactory.Builder(table).build();
    List<DataFile> files = new ArrayList<>();
    for (Map.Entry<PartitionKey, List<Record>> partition : partitions(records, spec).entrySet()) {
      DataWriter<Record> writer =
          writers.newDataWriter(file(spec, partition.getKey()), spec, partition.getKey());
      try (writer) {
        partition.getValue().forEach(writer::write);
      }
      files.add(writer.toDataFile());
    }
    return files;
  }

  /** Files that delete the rows that are equal to one of these in the columns, within a partition of the spec. */
  List<DeleteFile> equalityDeletes(List<String> columns, JsonNode rows, PartitionSpec spec) throws IOException {
    Schema deleted = schema.select(columns);
    int[] ids = columns.stream().mapToInt(column -> schema.findField(column).fieldId()).toArray();
    GenericFileWriterFactory writers =
        new GenericFileWriterFactory.Builder(table).equalityFieldIds(ids).equalityDeleteRowSchema(deleted).build();
    Map<PartitionKey, List<Record>> partitions = new LinkedHashMap<>();
    for (JsonNode row : rows) {
      PartitionKey key = key(Values.record(row, schema.asStruct()), spec);
      partitions.computeIfAbsent(key, absent -> new ArrayList<>()).add(Values.record(row, deleted.asStruct()));
    }
    List<DeleteFile> files = new ArrayList<>();
    for (Map.Entry<PartitionKey, List<Record>> partition : partitions.entrySet()) {
      EqualityDeleteWriter<Record> writer =
          writers.newEqualityDeleteWriter(file(spec, partition.getKey()), spec, partition.getKey());
      try (writer) {
        partition.getValue().forEach(writer::write);
      }
      files.add(writer.toDeleteFile());
    }
    return files;
  }

  /**
   * Deletes, by position, what meets the filter: deletion vectors in a table of version 3, else files for each data file
   * or, with granularity {@code partition}, for each partition.
   */
  DeleteWriteResult positionDeletes(TableScan scan, Expression filter, String granularity) throws IOException {
    List<Matches> matches = new ArrayList<>();
    try (CloseableIterable<FileScanTask> tasks = scan.planFiles()) {
      for (FileScanTask task : tasks) {
        List<Long> positions = positions(task, filter);
        if (!positions.isEmpty()) {
          matches.add(new Matches(task, positions));
        }
      }
    }
    matches.sort((left, right) -> left.path().compareTo(right.path()));
    return TableUtil.formatVersion(table) >= 3 ? vectors(matches) : files(matches, granularity.equals("file"));
  }

  private record Matches(FileScanTask task, List<Long> positions) {
    String path() {
      return task.file().location();
    }

    StructLike partition() {
      return task.file().partition();
    }
  }

  private List<Long> positions(FileScanTask task, Expression filter) throws IOException {
    Evaluator evaluator = new Evaluator(schema.asStruct(), filter);
    InternalRecordWrapper row = new InternalRecordWrapper(schema.asStruct());
    List<Long> positions = new ArrayList<>();
    long position = 0;
    try (CloseableIterable<Record> records = Reads.stored(table, task, schema)) {
      for (Record record : records) {
        if (evaluator.eval(row.wrap(record))) {
          positions.add(position);
        }
        position++;
      }
    }
    return positions;
  }

  private DeleteWriteResult vectors(List<Matches> matches) throws IOException {
    Map<String, FileScanTask> tasks = new HashMap<>();
    matches.forEach(match -> tasks.put(match.path(), match.task()));
    BaseDeleteLoader loader = new BaseDeleteLoader(file -> table.io().newInputFile(file.location()));
    BaseDVFileWriter writer =
        new BaseDVFileWriter(
            OutputFileFactory.builderFor(table, 0, 0).format(FileFormat.PUFFIN).build(),
            path -> previous(loader, tasks.get(path)));
    try (writer) {
      for (Matches match : matches) {
        for (long position : match.positions()) {
          writer.delete(match.path(), position, match.task().spec(), match.partition());
        }
      }
    }
    return writer.result();
  }

  private static PositionDeleteIndex previous(BaseDeleteLoader loader, FileScanTask task) {
    List<DeleteFile> deletes =
        task.deletes().stream().filter(file -> file.content() == FileContent.POSITION_DELETES).toList();
    return deletes.isEmpty() ? null : loader.loadPositionDeletes(deletes, task.file().location());
  }

  private DeleteWriteResult files(List<Matches> matches, boolean forEachFile) throws IOException {
    GenericFileWriterFactory writers = new GenericFileWriterFactory.Builder(table).build();
    Map<Object, List<Matches>> groups = new LinkedHashMap<>();
    for (Matches match : matches) {
      Object group = forEachFile ? match.path() : match.task().spec().specId() + " " + match.partition();
      groups.computeIfAbsent(group, absent -> new ArrayList<>()).add(match);
    }
    List<DeleteFile> files = new ArrayList<>();
    for (List<Matches> group : groups.values()) {
      PartitionSpec spec = group.get(0).task().spec();
      StructLike partition = group.get(0).partition();
      PositionDeleteWriter<Record> writer =
          writers.newPositionDeleteWriter(file(spec, partition), spec, partition);
      PositionDelete<Record> delete = PositionDelete.create();
      try (writer) {
        for (Matches match : group) {
          for (long position : match.positions()) {
            writer.write(delete.set(match.path(), position));
          }
        }
      }
      files.add(writer.toDeleteFile());
    }
    return new DeleteWriteResult(files, CharSequenceSet.empty());
  }

  private EncryptedOutputFile file(PartitionSpec spec, StructLike partition) {
    return spec.isUnpartitioned() ? parquet.newOutputFile() : parquet.newOutputFile(spec, partition);
  }

  private Map<PartitionKey, List<Record>> partitions(List<Record> records, PartitionSpec spec) {
    Map<PartitionKey, List<Record>> partitions = new LinkedHashMap<>();
    for (Record record : records) {
      partitions.computeIfAbsent(key(record, spec), absent -> new ArrayList<>()).add(record);
    }
    return partitions;
  }

  private PartitionKey key(Record record, PartitionSpec spec) {
    PartitionKey key = new PartitionKey(spec, schema);
    key.partition(new InternalRecordWrapper(schema.asStruct()).wrap(record));
    return key;
  }
}
