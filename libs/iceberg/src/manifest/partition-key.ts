import type { DataFile } from './data-file.js'

/** A text that two files share only when they are of the same partition of one spec. */
export function partitionKey(file: Pick<DataFile, 'partition'>): string {
  return file.partition
    .map(
      (value) => `${typeof value} ${value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value)}`,
    )
    .join('\u001f')
}
