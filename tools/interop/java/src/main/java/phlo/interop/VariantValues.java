package phlo.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.iceberg.variants.ShreddedObject;
import org.apache.iceberg.variants.ValueArray;
import org.apache.iceberg.variants.Variant;
import org.apache.iceberg.variants.VariantArray;
import org.apache.iceberg.variants.VariantMetadata;
import org.apache.iceberg.variants.VariantObject;
import org.apache.iceberg.variants.VariantValue;
import org.apache.iceberg.variants.Variants;

/** Values of columns that hold values of any type. */
final class VariantValues {
  /** What JSON has of it: numbers, texts, booleans, NULL, lists and objects. */
  static Object plain(VariantValue value) {
    return switch (value.type()) {
      case NULL -> null;
      case OBJECT -> object(value.asObject());
      case ARRAY -> array(value.asArray());
      case BOOLEAN_TRUE -> true;
      case BOOLEAN_FALSE -> false;
      case INT8, INT16, INT32, INT64, FLOAT, DOUBLE -> value.asPrimitive().get();
      case DECIMAL4, DECIMAL8, DECIMAL16 -> ((BigDecimal) value.asPrimitive().get()).doubleValue();
      case STRING -> value.asPrimitive().get();
      default -> value.type() + " " + value.asPrimitive().get();
    };
  }

  /** A variant of what JSON has. */
  static Variant parsed(JsonNode node) {
    TreeSet<String> names = new TreeSet<>();
    collect(node, names);
    VariantMetadata metadata = Variants.metadata(names);
    return Variant.of(metadata, value(node, metadata));
  }

  private static void collect(JsonNode node, TreeSet<String> names) {
    node.fieldNames().forEachRemaining(names::add);
    node.forEach(child -> collect(child, names));
  }

  private static VariantValue value(JsonNode node, VariantMetadata metadata) {
    if (node.isNull()) {
      return Variants.ofNull();
    }
    if (node.isBoolean()) {
      return Variants.of(node.asBoolean());
    }
    if (node.isInt()) {
      return Variants.of(node.asInt());
    }
    if (node.isLong()) {
      return Variants.of(node.asLong());
    }
    if (node.isNumber()) {
      return Variants.of(node.asDouble());
    }
    if (node.isTextual()) {
      return Variants.of(node.asText());
    }
    if (node.isArray()) {
      ValueArray array = Variants.array();
      node.forEach(item -> array.add(value(item, metadata)));
      return array;
    }
    ShreddedObject object = Variants.object(metadata);
    node.fields().forEachRemaining(field -> object.put(field.getKey(), value(field.getValue(), metadata)));
    return object;
  }

  private static Map<String, Object> object(VariantObject object) {
    Map<String, Object> result = new TreeMap<>();
    object.fieldNames().forEach(name -> result.put(name, plain(object.get(name))));
    return result;
  }

  private static List<Object> array(VariantArray array) {
    List<Object> result = new ArrayList<>();
    for (int index = 0; index < array.numElements(); index++) {
      result.add(plain(array.get(index)));
    }
    return result;
  }

  private VariantValues() {}
}
