package phlo.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Iceberg Java as a witness: answers questions, one JSON object a line in, one a line out, with the operations and the
 * canonical form of values that {@code python/readers.py} has.
 */
public final class Witness {
  static final ObjectMapper JSON = new JsonMapper();

  private interface Operation {
    Object answer(JsonNode request) throws Exception;
  }

  private static final Map<String, Operation> OPERATIONS =
      Map.of(
          "read", Reads::read,
          "plan", Reads::plan,
          "incremental", Reads::incremental,
          "changelog", Reads::changelog,
          "metadata", Reads::metadata,
          "statistics", Statistics::read,
          "describe", Reads::describe,
          "validate", Validation::validate,
          "write", Writes::write);

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    // Whatever a library prints must not be taken for an answer.
    System.setOut(System.err);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(JSON.writeValueAsString(answer(line)));
      out.flush();
    }
  }

  private static Map<String, Object> answer(String line) {
    try {
      JsonNode request = JSON.readTree(line);
      String name = request.get("operation").asText();
      Operation operation = OPERATIONS.get(name);
      if (operation == null) {
        throw new IllegalArgumentException("no operation " + name);
      }
      Object result = operation.answer(request);
      return result == null ? Map.of() : Map.of("result", result);
    } catch (Exception | Error failure) {
      StringWriter trace = new StringWriter();
      failure.printStackTrace(new PrintWriter(trace));
      return Map.of("error", failure.toString(), "trace", trace.toString());
    }
  }

  private Witness() {}
}
