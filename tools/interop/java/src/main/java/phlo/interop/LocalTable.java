package phlo.interop;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.iceberg.BaseMetastoreTableOperations;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.io.FileIO;

/** A table that lies in files: what is current is what this process last committed, or the file it was given. */
final class LocalTable extends BaseMetastoreTableOperations {
  private final FileIO io = new LocalFiles();
  private String location;

  /** {@code location} of the metadata file; null for a table that is yet to be made. */
  LocalTable(String location) {
    this.location = location;
  }

  /** The table whose metadata file the request names. */
  static BaseTable of(JsonNode request) {
    return new LocalTable(request.get("metadata").asText()).table();
  }

  BaseTable table() {
    return new BaseTable(this, tableName());
  }

  @Override
  protected String tableName() {
    return "table";
  }

  @Override
  public FileIO io() {
    return io;
  }

  @Override
  protected void doRefresh() {
    refreshFromMetadataLocation(location, 0);
  }

  @Override
  protected void doCommit(TableMetadata base, TableMetadata metadata) {
    location = writeNewMetadataIfRequired(base == null, metadata);
  }
}
