package phlo.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.datasketches.memory.Memory;
import org.apache.datasketches.theta.Sketches;
import org.apache.datasketches.theta.UpdateSketch;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.GenericBlobMetadata;
import org.apache.iceberg.GenericStatisticsFile;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.StatisticsFile;
import org.apache.iceberg.Table;
import org.apache.iceberg.puffin.Blob;
import org.apache.iceberg.puffin.BlobMetadata;
import org.apache.iceberg.puffin.Puffin;
import org.apache.iceberg.puffin.PuffinCompressionCodec;
import org.apache.iceberg.puffin.PuffinReader;
import org.apache.iceberg.puffin.PuffinWriter;
import org.apache.iceberg.puffin.StandardBlobTypes;
import org.apache.iceberg.types.Conversions;
import org.apache.iceberg.types.Types;
import org.apache.iceberg.util.Pair;

/** Distinct values of columns, in files of statistics. */
final class Statistics {
  /** What a table's statistics say of its columns, each with what Apache DataSketches makes of its sketch. */
  static Object read(JsonNode request) throws IOException {
    Table table = LocalTable.of(request);
    List<Map<String, Object>> found = new ArrayList<>();
    for (StatisticsFile file : table.statisticsFiles()) {
      try (PuffinReader reader =
          Puffin.read(table.io().newInputFile(file.path()))
              .withFileSize(file.fileSizeInBytes())
              .withFooterSize(file.fileFooterSizeInBytes())
              .build()) {
        List<BlobMetadata> blobs = reader.fileMetadata().blobs();
        if (!GenericBlobMetadata.from(blobs).equals(file.blobMetadata())) {
          throw new IllegalStateException("the table's metadata tell of other blobs than " + file.path());
        }
        for (Pair<BlobMetadata, ByteBuffer> pair : reader.readAll(blobs)) {
          found.add(blob(pair.first(), pair.second()));
        }
      }
    }
    return found;
  }

  private static Map<String, Object> blob(BlobMetadata blob, ByteBuffer data) {
    byte[] bytes = new byte[data.remaining()];
    data.duplicate().get(bytes);
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("type", blob.type());
    result.put("fields", blob.inputFields());
    result.put("snapshot", Long.toString(blob.snapshotId()));
    result.put("sequence", blob.sequenceNumber());
    result.put("ndv", blob.properties().get("ndv"));
    result.put("estimate", Math.round(Sketches.wrapSketch(Memory.wrap(bytes)).getEstimate()));
    return result;
  }

  /** Sketches of columns of texts, which are the column's distinct values, as the statistics of the current snapshot. */
  static void write(BaseTable table, JsonNode step) throws IOException {
    Snapshot snapshot = table.currentSnapshot();
    String path = table.location() + "/metadata/" + snapshot.snapshotId() + "-java.stats";
    PuffinCompressionCodec codec = PuffinCompressionCodec.valueOf(step.get("codec").asText());
    try (PuffinWriter writer =
        Puffin.write(table.io().newOutputFile(path)).createdBy("Iceberg Java").compressBlobs(codec).build()) {
      step.get("values")
          .fields()
          .forEachRemaining(
              column -> {
                int field = table.schema().findField(column.getKey()).fieldId();
                UpdateSketch sketch = UpdateSketch.builder().build();
                column.getValue().forEach(value -> sketch.update(bytes(value.asText())));
                writer.add(
                    new Blob(
                        StandardBlobTypes.APACHE_DATASKETCHES_THETA_V1,
                        List.of(field),
                        snapshot.snapshotId(),
                        snapshot.sequenceNumber(),
                        ByteBuffer.wrap(sketch.compact().toByteArray()),
                        null,
                        Map.of("ndv", Long.toString((long) sketch.getEstimate()))));
              });
      writer.finish();
      table
          .updateStatistics()
          .setStatistics(
              new GenericStatisticsFile(
                  snapshot.snapshotId(),
                  path,
                  writer.fileSize(),
                  writer.footerSize(),
                  GenericBlobMetadata.from(writer.writtenBlobsMetadata())))
          .commit();
    }
  }

  private static byte[] bytes(String text) {
    ByteBuffer buffer = Conversions.toByteBuffer(Types.StringType.get(), text);
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }

  private Statistics() {}
}
