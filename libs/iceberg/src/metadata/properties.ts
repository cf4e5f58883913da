import type { TableMetadata } from '@phlo/ports'

/** A table property that is a whole number of at least 0; anything else counts as not set. */
export function numberProperty(metadata: TableMetadata, name: string, fallback: number): number {
  const value = Number(metadata.properties?.[name] ?? fallback)
  return Number.isSafeInteger(value) && value >= 0 ? value : fallback
}

/** A table property that is `true` or `false`; anything else counts as not set. */
export function booleanProperty(metadata: TableMetadata, name: string, fallback: boolean): boolean {
  const value = metadata.properties?.[name]?.toLowerCase()
  return value === 'true' || (value !== 'false' && fallback)
}

/** Smaller than Iceberg's 512 MiB, as the documents of Phlo say. */
const defaultFileSize = 128 * 1024 * 1024

/** Bytes that data files should have. Spec: table property `write.target-file-size-bytes`. */
export function targetFileSize(metadata: TableMetadata): number {
  return numberProperty(metadata, 'write.target-file-size-bytes', defaultFileSize) || defaultFileSize
}

/** The properties but for those of the given names. */
export function withoutProperties(
  properties: Readonly<Record<string, string>> | undefined,
  names: readonly string[],
): Readonly<Record<string, string>> {
  const removed = new Set(names)
  return Object.fromEntries(Object.entries(properties ?? {}).filter(([name]) => !removed.has(name)))
}
