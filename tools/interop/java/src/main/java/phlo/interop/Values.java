package phlo.interop;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.iceberg.StructLike;
import org.apache.iceberg.data.GenericRecord;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;
import org.apache.iceberg.util.DateTimeUtil;
import org.apache.iceberg.variants.Variant;

/**
 * Values in the canonical form of the witnesses: longs and decimals as text, dates and times as ISO 8601, bytes as hex,
 * maps as lists of pairs, variants as JSON in a text.
 */
final class Values {
  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss.SSSSSS");
  private static final DateTimeFormatter MICROS = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS");
  private static final DateTimeFormatter NANOS = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSSSSS");
  private static final HexFormat HEX = HexFormat.of();

  /** A value as generic readers give it, or as metadata tables hold it, in canonical form. */
  static Object canonical(Object value, Type type) {
    if (value == null) {
      return null;
    }
    return switch (type.typeId()) {
      case BOOLEAN, INTEGER -> value;
      case LONG -> value.toString();
      case FLOAT, DOUBLE -> floating(((Number) value).doubleValue());
      case DECIMAL -> ((BigDecimal) value).toPlainString();
      case DATE -> (value instanceof Integer days ? DateTimeUtil.dateFromDays(days) : value).toString();
      case TIME -> TIME.format(value instanceof Long micros ? DateTimeUtil.timeFromMicros(micros) : (LocalTime) value);
      case TIMESTAMP -> timestamp(
          value instanceof Long micros ? DateTimeUtil.timestampFromMicros(micros) : value,
          MICROS,
          ((Types.TimestampType) type).shouldAdjustToUTC());
      case TIMESTAMP_NANO -> timestamp(
          value instanceof Long nanos ? DateTimeUtil.timestampFromNanos(nanos) : value,
          NANOS,
          ((Types.TimestampNanoType) type).shouldAdjustToUTC());
      case STRING, UUID -> value.toString();
      // Shapes are bytes in the well-known form to generic readers.
      case FIXED, BINARY, GEOMETRY, GEOGRAPHY -> HEX.formatHex(bytes(value));
      case VARIANT -> text(VariantValues.plain(((Variant) value).value()));
      case STRUCT -> row((StructLike) value, type.asStructType());
      case LIST -> list((List<?>) value, type.asListType().elementType());
      case MAP -> pairs((Map<?, ?>) value, type.asMapType());
      default -> throw new IllegalArgumentException("no canonical form of " + type);
    };
  }

  static Map<String, Object> row(StructLike row, Types.StructType type) {
    Map<String, Object> result = new LinkedHashMap<>();
    List<Types.NestedField> fields = type.fields();
    for (int index = 0; index < fields.size(); index++) {
      Types.NestedField field = fields.get(index);
      result.put(field.name(), canonical(row.get(index, Object.class), field.type()));
    }
    return result;
  }

  /** Rows by their column {@code id}, those without one last. */
  static List<Map<String, Object>> sorted(List<Map<String, Object>> rows) {
    Comparator<Map<String, Object>> withoutId = Comparator.comparing(row -> row.get("id") == null);
    rows.sort(
        withoutId
            .thenComparing(row -> row.get("id") == null ? 0L : Long.parseLong(row.get("id").toString()))
            .thenComparing(Values::text));
    return rows;
  }

  /** The reverse of {@link #canonical}, for generic writers. */
  static Object parsed(JsonNode node, Type type) {
    if (node == null || node.isNull()) {
      return null;
    }
    return switch (type.typeId()) {
      case BOOLEAN -> node.asBoolean();
      case INTEGER -> node.asInt();
      case LONG -> Long.valueOf(node.asText());
      case FLOAT -> (float) number(node);
      case DOUBLE -> number(node);
      case DECIMAL -> new BigDecimal(node.asText());
      case DATE -> LocalDate.parse(node.asText());
      case TIME -> LocalTime.parse(node.asText());
      case TIMESTAMP -> dateTime(node, ((Types.TimestampType) type).shouldAdjustToUTC());
      case TIMESTAMP_NANO -> dateTime(node, ((Types.TimestampNanoType) type).shouldAdjustToUTC());
      case STRING -> node.asText();
      case UUID -> UUID.fromString(node.asText());
      case FIXED -> HEX.parseHex(node.asText());
      case BINARY, GEOMETRY, GEOGRAPHY -> ByteBuffer.wrap(HEX.parseHex(node.asText()));
      case VARIANT -> VariantValues.parsed(node);
      case STRUCT -> record(node, type.asStructType());
      case LIST -> {
        List<Object> items = new ArrayList<>();
        node.forEach(item -> items.add(parsed(item, type.asListType().elementType())));
        yield items;
      }
      case MAP -> {
        Map<Object, Object> entries = new HashMap<>();
        node.forEach(
            pair ->
                entries.put(
                    parsed(pair.get(0), type.asMapType().keyType()),
                    parsed(pair.get(1), type.asMapType().valueType())));
        yield entries;
      }
      default -> throw new IllegalArgumentException("no value of " + type);
    };
  }

  /** A record of the columns; what the row lacks is NULL. */
  static Record record(JsonNode row, Types.StructType type) {
    Record record = GenericRecord.create(type);
    for (Types.NestedField field : type.fields()) {
      record.setField(field.name(), parsed(row.get(field.name()), field.type()));
    }
    return record;
  }

  private static Object floating(double value) {
    if (Double.isNaN(value)) {
      return "nan";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "inf" : "-inf";
    }
    return value;
  }

  private static double number(JsonNode node) {
    return switch (node.asText()) {
      case "nan" -> Double.NaN;
      case "inf" -> Double.POSITIVE_INFINITY;
      case "-inf" -> Double.NEGATIVE_INFINITY;
      default -> node.asDouble();
    };
  }

  private static String timestamp(Object value, DateTimeFormatter format, boolean utc) {
    return value instanceof OffsetDateTime instant
        ? format.format(instant.atZoneSameInstant(ZoneOffset.UTC)) + "Z"
        : format.format((LocalDateTime) value) + (utc ? "Z" : "");
  }

  private static Object dateTime(JsonNode node, boolean utc) {
    return utc ? OffsetDateTime.parse(node.asText()) : LocalDateTime.parse(node.asText());
  }

  private static byte[] bytes(Object value) {
    if (value instanceof byte[] array) {
      return array;
    }
    ByteBuffer buffer = ((ByteBuffer) value).duplicate();
    byte[] array = new byte[buffer.remaining()];
    buffer.get(array);
    return array;
  }

  private static List<Object> list(List<?> items, Type element) {
    List<Object> result = new ArrayList<>();
    items.forEach(item -> result.add(canonical(item, element)));
    return result;
  }

  private static List<List<Object>> pairs(Map<?, ?> entries, Types.MapType type) {
    List<List<Object>> result = new ArrayList<>();
    entries.forEach(
        (key, value) -> {
          List<Object> pair = new ArrayList<>();
          pair.add(canonical(key, type.keyType()));
          pair.add(canonical(value, type.valueType()));
          result.add(pair);
        });
    result.sort(Comparator.comparing(pair -> text(pair.get(0))));
    return result;
  }

  private static String text(Object value) {
    try {
      return Witness.JSON.writeValueAsString(value);
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private Values() {}
}
