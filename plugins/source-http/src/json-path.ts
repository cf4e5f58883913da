import { errorMessage, PhloError } from '@phlo/ports'
import type { JSONPathQuery } from 'json-p3'

/** Finds values in an answer. */
export type JsonPath = (value: unknown) => readonly unknown[]

/** Compiles a JSONPath (RFC 9535, nothing is ever evaluated as code). Throws PHLO_CONFIG_INVALID. */
export async function compileJsonPath(text: string): Promise<JsonPath> {
  const { jsonpath } = await import('json-p3')
  let query: JSONPathQuery
  try {
    query = jsonpath.compile(text)
  } catch (error) {
    throw new PhloError('PHLO_CONFIG_INVALID', `http(): ${text} is no JSONPath: ${errorMessage(error)}`, {
      hint: 'JSONPath starts at $, for instance $.data[*]; see RFC 9535.',
    })
  }
  return (value) => {
    try {
      return query.query(value as Parameters<JSONPathQuery['query']>[0]).values()
    } catch (error) {
      // Deeper than any real answer.
      throw new PhloError('PHLO_SOURCE_MALFORMED', `${text} cannot be looked up in the answer: ${errorMessage(error)}`)
    }
  }
}

/** The value at names joined by dots; `undefined` where there is none. */
export function valueAt(record: unknown, path: string): unknown {
  let value = record
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}
