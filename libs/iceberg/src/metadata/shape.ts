/** Gets the first problem of something that is being checked, and throws. */
export type Fail = (problem: string) => never

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isList(value: unknown): value is unknown[] {
  return Array.isArray(value)
}

export const isInteger = Number.isSafeInteger as (value: unknown) => value is number

export function isTextMap(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((item) => typeof item === 'string')
}
