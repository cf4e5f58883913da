package phlo.interop;

import java.io.File;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.io.PositionOutputStream;
import org.apache.iceberg.io.SeekableInputStream;

/** Files of this machine by {@code file://} locations, which are not percent-encoded, and by bare paths. */
final class LocalFiles implements FileIO {
  static File file(String location) {
    return new File(location.startsWith("file://") ? location.substring("file://".length()) : location);
  }

  @Override
  public InputFile newInputFile(String location) {
    return new LocatedInput(org.apache.iceberg.Files.localInput(file(location)), location);
  }

  @Override
  public OutputFile newOutputFile(String location) {
    Path path = file(location).toPath();
    try {
      Files.createDirectories(path.getParent());
    } catch (java.io.IOException failure) {
      throw new UncheckedIOException(failure);
    }
    return new LocatedOutput(org.apache.iceberg.Files.localOutput(path.toFile()), location);
  }

  @Override
  public void deleteFile(String location) {
    if (!file(location).delete()) {
      throw new IllegalStateException("cannot delete " + location);
    }
  }

  // Iceberg's own local files drop the scheme.

  private record LocatedInput(InputFile file, String location) implements InputFile {
    @Override
    public long getLength() {
      return file.getLength();
    }

    @Override
    public SeekableInputStream newStream() {
      return file.newStream();
    }

    @Override
    public boolean exists() {
      return file.exists();
    }
  }

  private record LocatedOutput(OutputFile file, String location) implements OutputFile {
    @Override
    public PositionOutputStream create() {
      return file.create();
    }

    @Override
    public PositionOutputStream createOrOverwrite() {
      return file.createOrOverwrite();
    }

    @Override
    public InputFile toInputFile() {
      return new LocatedInput(file.toInputFile(), location);
    }
  }
}
