import { errorMessage, isPhloError, PhloError } from '@phlo/ports'

/** What of an SDK's error tells what happened. The rest of it, the signed request, is for nobody to see. */
interface Answer {
  readonly name: string
  readonly status: number | undefined
  readonly attempts: number
  readonly region: string | undefined
}

/** Where a request went, for errors. */
export interface Place {
  readonly bucket: string
  readonly endpoint: string
  readonly region: string
  /** The prefix of the catalog's grant that the request was made with, where there is one. */
  readonly granted?: string
}

/** Names of the errors of sockets and name servers, and of the SDK's own deadlines. */
const unreachable =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|TimeoutError|NetworkingError)$/

const systemCode = /\bE[A-Z_]{4,}\b/

export function answerOf(error: unknown): Answer {
  const metadata = field(error, '$metadata')
  const headers = field(field(error, '$response'), 'headers')
  const code = field(error, 'code')
  const given = textOf(field(error, 'name'))
  // An error of a socket has a generic name and a telling code, which the SDK may leave to the message alone.
  const name =
    given === undefined || given === 'Error' ? (textOf(code) ?? systemCode.exec(errorMessage(error))?.[0]) : given
  return {
    name: name ?? 'Error',
    status: numberOf(field(metadata, 'httpStatusCode')),
    attempts: numberOf(field(metadata, 'attempts')) ?? 1,
    region: textOf(field(error, 'Region')) ?? textOf(field(headers, 'x-amz-bucket-region')),
  }
}

export function isMissing(error: unknown): boolean {
  const { name, status } = answerOf(error)
  return name === 'NoSuchKey' || name === 'NotFound' || (status === 404 && name !== 'NoSuchBucket')
}

/** The store's errors as Phlo's, each with what to do; an abort stays what it is. */
export function storageError(error: unknown, doing: string, place: Place): unknown {
  if (isPhloError(error) || field(error, 'name') === 'AbortError') return error
  const { name, status, region } = answerOf(error)
  const { problem, hint, retryable } = reasonOf(name, status, region, place)
  const said = problem ?? `${name}: ${errorMessage(error)}`
  return new PhloError('PHLO_STORAGE_FAILED', `${doing} failed: ${said}`, {
    ...(hint !== undefined && { hint }),
    retryable: retryable ?? (status !== undefined && status >= 500),
    context: { bucket: place.bucket, endpoint: place.endpoint, error: name, ...(status !== undefined && { status }) },
  })
}

interface Reason {
  readonly problem?: string
  readonly hint?: string
  readonly retryable?: boolean
}

function reasonOf(name: string, status: number | undefined, bucketRegion: string | undefined, place: Place): Reason {
  const { bucket, endpoint, region, granted } = place
  if (name === 'NoSuchBucket') {
    return { problem: `there is no bucket ${bucket} at ${endpoint}`, hint: 'Make the bucket, or correct its name.' }
  }
  if (name === 'AuthorizationHeaderMalformed' || name === 'PermanentRedirect' || status === 301) {
    return {
      problem: `the bucket ${bucket} is not in the region ${region}`,
      hint: bucketRegion === undefined ? 'Set the storage’s region.' : `Set the storage’s region to ${bucketRegion}.`,
    }
  }
  if (name === 'CredentialsProviderError') {
    return {
      problem: 'no credentials were found',
      hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the storage’s credentials.',
    }
  }
  if (name === 'InvalidAccessKeyId' || name === 'SignatureDoesNotMatch' || name === 'InvalidTokenId') {
    return {
      problem: `${endpoint} does not accept the credentials (${name})`,
      hint:
        granted === undefined
          ? 'Correct the storage’s credentials.'
          : `They are those that the catalog granted for ${granted}.`,
    }
  }
  if (name === 'ExpiredToken' || name === 'ExpiredTokenException') {
    return { problem: 'the credentials have expired', hint: 'Get new ones and start again.' }
  }
  if (name === 'AccessDenied' || status === 403) {
    return {
      problem: `${endpoint} denies it to these credentials`,
      hint:
        granted === undefined
          ? `They need to get, put, list and delete objects of the bucket ${bucket}.`
          : `The catalog granted them for ${granted}, perhaps for reading only.`,
    }
  }
  if (status === 400 && name === 'Unknown') {
    return {
      // To a question for an object's description alone the API gives no reason.
      problem: `${endpoint} does not take the request`,
      hint: `Correct the storage’s region, now ${region}, or its credentials.`,
    }
  }
  if (unreachable.test(name)) {
    return {
      problem: `${endpoint} cannot be reached (${name})`,
      hint: 'Is the server up, and the endpoint right?',
      retryable: true,
    }
  }
  return {}
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
