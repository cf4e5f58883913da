package phlo.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.ContentFile;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DeleteFile;
import org.apache.iceberg.FileContent;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.ManifestContent;
import org.apache.iceberg.ManifestFile;
import org.apache.iceberg.ManifestFiles;
import org.apache.iceberg.ManifestReader;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.data.BaseDeleteLoader;

/** Reads every manifest of every snapshot and holds it against what is said about it elsewhere. */
final class Validation {
  private final BaseTable table;
  private final List<String> problems = new ArrayList<>();

  private Validation(BaseTable table) {
    this.table = table;
  }

  /** What is wrong with the table, as sentences. */
  static Object validate(JsonNode request) throws IOException {
    Validation validation = new Validation(LocalTable.of(request));
    for (Snapshot snapshot : validation.table.snapshots()) {
      validation.snapshot(snapshot);
    }
    return validation.problems;
  }

  private void snapshot(Snapshot snapshot) throws IOException {
    String what = "snapshot " + snapshot.sequenceNumber();
    Map<String, Long> totals = new HashMap<>();
    Map<String, DataFile> data = new HashMap<>();
    List<DeleteFile> deletes = new ArrayList<>();
    for (ManifestFile manifest : snapshot.allManifests(table.io())) {
      if (manifest.content() == ManifestContent.DATA) {
        for (DataFile file : live(manifest, ManifestFiles.read(manifest, table.io(), table.specs()))) {
          expect(data.put(file.location(), file) == null, what + " has twice " + file.location());
        }
      } else {
        deletes.addAll(live(manifest, ManifestFiles.readDeleteManifest(manifest, table.io(), table.specs())));
      }
      if (manifest.snapshotId() == snapshot.snapshotId()) {
        expect(
            manifest.sequenceNumber() == snapshot.sequenceNumber(),
            what + " added a manifest of sequence " + manifest.sequenceNumber());
      }
    }
    for (DataFile file : data.values()) {
      file(file);
      add(totals, "total-data-files", 1);
      add(totals, "total-records", file.recordCount());
      add(totals, "total-files-size", file.fileSizeInBytes());
    }
    for (DeleteFile file : deletes) {
      file(file);
      boolean vector = file.format() == FileFormat.PUFFIN;
      boolean positions = file.content() == FileContent.POSITION_DELETES;
      add(totals, "total-delete-files", 1);
      add(totals, positions ? "total-position-deletes" : "total-equality-deletes", file.recordCount());
      add(totals, "total-files-size", vector ? file.contentSizeInBytes() : file.fileSizeInBytes());
      if (vector) {
        vector(file, data.get(file.referencedDataFile()));
      }
    }
    for (String name :
        List.of(
            "total-data-files",
            "total-records",
            "total-files-size",
            "total-delete-files",
            "total-position-deletes",
            "total-equality-deletes")) {
      String said = snapshot.summary().get(name);
      String counted = totals.getOrDefault(name, 0L).toString();
      expect(said == null || said.equals(counted), what + " says " + name + " = " + said + ", not " + counted);
    }
  }

  private <F extends ContentFile<F>> List<F> live(ManifestFile manifest, ManifestReader<F> reader) throws IOException {
    String what = "manifest " + manifest.path();
    expect(
        LocalFiles.file(manifest.path()).length() == manifest.length(), what + " is not of length " + manifest.length());
    List<F> files = new ArrayList<>();
    long rows = 0;
    long sequence = Long.MAX_VALUE;
    try (reader) {
      for (F file : reader) {
        files.add(file.copy());
        rows += file.recordCount();
        sequence = Math.min(sequence, file.dataSequenceNumber());
        expect(file.specId() == manifest.partitionSpecId(), what + " has a file of spec " + file.specId());
      }
    }
    expect(
        files.size() == manifest.addedFilesCount() + manifest.existingFilesCount(),
        what + " has " + files.size() + " live files");
    expect(
        rows == manifest.addedRowsCount() + manifest.existingRowsCount(), what + " has " + rows + " live rows");
    expect(
        files.isEmpty() || manifest.minSequenceNumber() <= sequence,
        what + " has a file of sequence " + sequence + ", less than " + manifest.minSequenceNumber());
    return files;
  }

  private void file(ContentFile<?> file) {
    expect(
        LocalFiles.file(file.location()).length() == file.fileSizeInBytes(),
        file.location() + " is not of length " + file.fileSizeInBytes());
  }

  private void vector(DeleteFile vector, DataFile data) {
    expect(data != null, "a deletion vector of no live file: " + vector.referencedDataFile());
    if (data == null) {
      return;
    }
    expect(
        Objects.equals(vector.partition().toString(), data.partition().toString()) && vector.specId() == data.specId(),
        "a deletion vector of another partition: " + vector.partition());
    long positions =
        new BaseDeleteLoader(file -> table.io().newInputFile(file.location()))
            .loadPositionDeletes(List.of(vector), data.location())
            .cardinality();
    expect(
        positions == vector.recordCount() && positions <= data.recordCount(),
        "a deletion vector of " + positions + " positions says " + vector.recordCount());
  }

  private static void add(Map<String, Long> totals, String name, long count) {
    totals.merge(name, count, Long::sum);
  }

  private void expect(boolean so, String problem) {
    if (!so) {
      problems.add(problem);
    }
  }
}
