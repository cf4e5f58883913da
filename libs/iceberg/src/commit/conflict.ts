import { PhloError } from '@phlo/ports'

/** Somebody else's commit stands against this one. Doing the whole operation anew may succeed. */
export function conflict(message: string, context: Readonly<Record<string, unknown>> = {}, cause?: unknown): PhloError {
  return new PhloError('PHLO_COMMIT_CONFLICT', message, {
    hint: 'The table changed while the change was made. Make it again, on the table as it is now.',
    retryable: true,
    context,
    ...(cause !== undefined && { cause }),
  })
}
