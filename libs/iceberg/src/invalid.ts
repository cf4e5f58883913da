import { PhloError } from '@phlo/ports'

/** Metadata that breaks the specification. `what` names the file or field. */
export function invalid(what: string, problem: string, cause?: unknown): PhloError {
  return new PhloError('PHLO_ICEBERG_INVALID', `${what}: ${problem}`, {
    hint: 'The file was not written by a conforming Iceberg writer, or it is damaged.',
    ...(cause !== undefined && { cause }),
  })
}

/** A feature of the specification that this version does not handle. */
export function unsupported(what: string): PhloError {
  return new PhloError('PHLO_ICEBERG_UNSUPPORTED', `${what} is not supported`)
}
