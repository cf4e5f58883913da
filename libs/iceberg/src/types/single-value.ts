import type { IcebergType, SingleValue } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { formatPrimitive, isList, isMap, isStruct, parsePrimitive, type Primitive } from './primitive.js'
import { formatValue, toValue, type Value } from './value.js'

/** The JSON form of a value, as defaults of columns have it. Spec: Appendix D, "JSON single-value serialization". */

/**
 * The value that the JSON stands for, `undefined` when it is none of the type. Variant, geometry, geography and unknown
 * have no values that could be defaults.
 */
export function parseSingleValue(type: Primitive, json: SingleValue): Value | undefined {
  switch (type.kind) {
    case 'boolean':
      return typeof json === 'boolean' ? json : undefined
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return typeof json === 'number' || typeof json === 'bigint' ? toValue(type, json) : undefined
    default:
      return typeof json === 'string' && hasForm(type, json) ? toValue(type, json) : undefined
  }
}

/** Is the text written as the specification says, and not just readable to people? */
function hasForm(type: Primitive, text: string): boolean {
  switch (type.kind) {
    case 'decimal':
      return /^-?\d+(\.\d+)?$/.test(text) && text.replace(/^-?0*|\./g, '').length <= type.precision
    case 'time':
    case 'timestamp':
      return !/\.\d{7}/.test(text)
    case 'timestamptz':
      return text.endsWith('+00:00') && !/\.\d{7}/.test(text)
    case 'timestamptz_ns':
      return text.endsWith('+00:00')
    case 'fixed':
      return text.length === type.length * 2
    default:
      return true
  }
}

/** The JSON of a value. Throws PHLO_ICEBERG_INVALID for a number that JSON has not, such as NaN. */
export function formatSingleValue(type: Primitive, value: Value): SingleValue {
  switch (type.kind) {
    case 'boolean':
      return value as boolean
    case 'int':
      return value as number
    case 'float':
    case 'double':
      if (!Number.isFinite(value)) throw invalid(`the ${formatPrimitive(type)} ${String(value)}`, 'has no JSON form')
      return value as number
    case 'long': {
      const number = Number(value)
      return Number.isSafeInteger(number) ? number : (value as bigint)
    }
    default:
      return formatValue(type, value)
  }
}

/**
 * Can the JSON be a default of a field of that type? A struct's own default is empty: its fields have theirs.
 * Spec: "Default values".
 */
export function isDefaultValue(type: IcebergType, json: SingleValue): boolean {
  if (json === null) return true
  if (isStruct(type)) return typeof json === 'object' && !Array.isArray(json) && Object.keys(json).length === 0
  if (isList(type)) return isListOf(type.element, type['element-required'], json)
  if (isMap(type)) {
    if (typeof json !== 'object' || Array.isArray(json)) return false
    const { keys, values, ...more } = json as { [key: string]: SingleValue }
    return (
      Object.keys(more).length === 0 &&
      isListOf(type.key, true, keys) &&
      isListOf(type.value, type['value-required'], values) &&
      keys.length === values.length
    )
  }
  return parseSingleValue(parsePrimitive(type), json) !== undefined
}

function isListOf(type: IcebergType, required: boolean, json: SingleValue | undefined): json is readonly SingleValue[] {
  return (
    Array.isArray(json) && json.every((item: SingleValue) => (item !== null || !required) && isDefaultValue(type, item))
  )
}
