import { isPhloError, PhloError } from '@phlo/ports'

/** Somebody else changed the columns or partitions that files were written for: only files written anew can follow. */
export function layoutConflict(message: string, cause?: unknown): PhloError {
  return conflict(message, { reason: 'layout' }, cause)
}

/** Was a commit refused since the table is not what rows were written for: made or changed meanwhile by somebody else? */
export function isOtherLayout(error: unknown): boolean {
  return (
    isPhloError(error, 'PHLO_TABLE_EXISTS') ||
    (isPhloError(error, 'PHLO_COMMIT_CONFLICT') && error.context['reason'] === 'layout')
  )
}

/** Somebody else's commit stands against this one. Doing the whole operation anew may succeed. */
export function conflict(message: string, context: Readonly<Record<string, unknown>> = {}, cause?: unknown): PhloError {
  return new PhloError('PHLO_COMMIT_CONFLICT', message, {
    hint: 'The table changed while the change was made. Make it again, on the table as it is now.',
    retryable: true,
    context,
    ...(cause !== undefined && { cause }),
  })
}
