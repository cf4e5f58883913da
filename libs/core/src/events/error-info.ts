import { toPhloError } from '@phlo/ports'

/** An error as events carry it. */
export interface ErrorInfo {
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly location?: { readonly file: string; readonly line?: number; readonly column?: number }
}

/** What events and records keep of an error. */
export function errorInfo(error: unknown): ErrorInfo {
  const { code, message, hint, location } = toPhloError(error)
  return { code, message, ...(hint !== undefined && { hint }), ...(location && { location }) }
}
