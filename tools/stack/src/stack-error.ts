/** What a person who starts the servers can do something about: told without a stack trace. */
export class StackError extends Error {
  override readonly name = 'StackError'
}

/** The message of anything that can be thrown. */
export function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error)
}
