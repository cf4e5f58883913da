import { PhloError } from '@phlo/ports'

/**
 * The version of the on-disk format that this code writes; it reads every version from 1 on. FORMAT.md says what each
 * one holds.
 */
export const formatVersion = 2

/** Throws PHLO_UNSUPPORTED for an object of a newer format, PHLO_STORAGE_FAILED for what is no version. */
export function checkFormat(format: unknown, what: string): void {
  if (typeof format !== 'number' || !Number.isSafeInteger(format) || format < 1)
    throw new PhloError('PHLO_STORAGE_FAILED', `${what} of the catalog is damaged: it has no format version`)
  if (format <= formatVersion) return
  throw new PhloError(
    'PHLO_UNSUPPORTED',
    `The catalog was written in format ${format}; this version reads formats up to ${formatVersion}`,
    { hint: 'Use the version of Phlo that wrote it, or a newer one.' },
  )
}
