import type { DataFile } from './data-file.js'
import type { Value } from '../types/value.js'

/** A text that two files share only when they are of the same partition of one spec. */
export function partitionKey(file: Pick<DataFile, 'partition'>): string {
  // Texts may hold anything, so only their length tells where they end.
  return file.partition.map((value) => part(typeof value, textOf(value))).join('')
}

function part(type: string, text: string): string {
  return `${type} ${text.length}:${text};`
}

function textOf(value: Value | null): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return Object.is(value, -0) ? '-0' : String(value)
}
