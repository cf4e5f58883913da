import { parseJson, serializeJson } from '@phlo/iceberg'
import type { CommitInfo, TableMetadata, TableUpdate } from '@phlo/ports'

/** The table property that tells which publication changed the table last. */
export const publicationProperty = 'phlo.published'

/** Says in a table which publication changed it. */
export function tellPublication({ time, ...commit }: CommitInfo): TableUpdate {
  const text = serializeJson({ ...commit, time: time.toISOString() })
  return { action: 'set-properties', updates: { [publicationProperty]: text } }
}

/** The publication that changed the table last; `undefined` where there is none, or something else wrote the property. */
export function publicationOf({ properties }: TableMetadata): CommitInfo | undefined {
  const text = properties?.[publicationProperty]
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = parseJson(text, `property ${publicationProperty}`)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { id, author, message, time, properties: own } = value as Partial<Record<keyof CommitInfo, unknown>>
  if (typeof id !== 'string' || typeof author !== 'string' || typeof message !== 'string' || typeof time !== 'string')
    return undefined
  const at = new Date(time)
  if (Number.isNaN(at.getTime()) || typeof own !== 'object' || own === null) return undefined
  const texts = Object.entries(own).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return { id, parents: [], author, message, time: at, properties: Object.fromEntries(texts) }
}
