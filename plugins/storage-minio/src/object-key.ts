import { PhloError } from '@phlo/ports'

/** The longest key that the S3 API takes, in bytes of UTF-8. */
const longest = 1024

export function isKey(key: string): boolean {
  return key
    .split('/')
    .every((segment) => segment !== '' && segment !== '.' && segment !== '..' && !/[\0\\]/.test(segment))
}

/** Throws PHLO_STORAGE_FAILED for what is no key, alone or below the store's prefix. */
export function checkKey(key: string, prefix: string): void {
  if (!isKey(key)) throw new PhloError('PHLO_STORAGE_FAILED', `${JSON.stringify(key)} is no key of an object`)
  if (Buffer.byteLength(prefix + key) > longest) {
    throw new PhloError('PHLO_STORAGE_FAILED', `The key ${key} is longer than ${longest} bytes`)
  }
}
