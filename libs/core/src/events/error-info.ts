import { toPhloError } from '@phlo/ports'
import type { ErrorInfo } from './run-events.js'

/** What events and records keep of an error. */
export function errorInfo(error: unknown): ErrorInfo {
  const { code, message, hint, location } = toPhloError(error)
  return { code, message, ...(hint !== undefined && { hint }), ...(location && { location }) }
}
