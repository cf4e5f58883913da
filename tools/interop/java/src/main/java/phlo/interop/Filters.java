package phlo.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.iceberg.Schema;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.types.Type;

/** Phlo's filters as Iceberg's expressions. */
final class Filters {
  static Expression expression(JsonNode node, Schema schema) {
    if (node == null || node.isNull()) {
      return Expressions.alwaysTrue();
    }
    String op = node.get("op").asText();
    switch (op) {
      case "true":
        return Expressions.alwaysTrue();
      case "false":
        return Expressions.alwaysFalse();
      case "and":
        return Expressions.and(expression(node.get("left"), schema), expression(node.get("right"), schema));
      case "or":
        return Expressions.or(expression(node.get("left"), schema), expression(node.get("right"), schema));
      case "not":
        return Expressions.not(expression(node.get("child"), schema));
      default:
        return predicate(op, node, schema);
    }
  }

  private static Expression predicate(String op, JsonNode node, Schema schema) {
    String column = node.get("column").asText();
    Type type = schema.findType(column);
    return switch (op) {
      case "is-null" -> Expressions.isNull(column);
      case "not-null" -> Expressions.notNull(column);
      case "in" -> Expressions.in(column, values(node.get("values"), type));
      case "not-in" -> Expressions.notIn(column, values(node.get("values"), type));
      case "lt" -> Expressions.lessThan(column, value(node.get("value"), type));
      case "lte" -> Expressions.lessThanOrEqual(column, value(node.get("value"), type));
      case "gt" -> Expressions.greaterThan(column, value(node.get("value"), type));
      case "gte" -> Expressions.greaterThanOrEqual(column, value(node.get("value"), type));
      case "eq" -> Expressions.equal(column, value(node.get("value"), type));
      case "neq" -> Expressions.notEqual(column, value(node.get("value"), type));
      default -> throw new IllegalArgumentException("no operator " + op);
    };
  }

  private static List<Object> values(JsonNode nodes, Type type) {
    List<Object> values = new ArrayList<>();
    nodes.forEach(node -> values.add(value(node, type)));
    return values;
  }

  /** What a literal of the type is made from: dates, times and uuids are read from their text by Iceberg itself. */
  static Object value(JsonNode node, Type type) {
    return switch (type.typeId()) {
      case BOOLEAN -> node.asBoolean();
      case INTEGER, LONG -> Long.valueOf(node.asText());
      case FLOAT, DOUBLE -> node.asDouble();
      case DECIMAL -> new BigDecimal(node.asText());
      case FIXED, BINARY -> ByteBuffer.wrap(HexFormat.of().parseHex(node.asText()));
      default -> node.asText();
    };
  }

  private Filters() {}
}
