import { S3Client } from '@aws-sdk/client-s3'
import type { MinioStorageOptions } from './options.js'
import type { Place } from './storage-error.js'

/** Milliseconds that making a connection may take. */
const connectionPatience = 5_000
/** Connections that are kept open at a time. */
const connections = 64

// The SDK tells users of Node 20 of its plans on standard error; Phlo's own versions decide what Phlo runs on.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

/** A client with the options' endpoint, credentials, deadlines and retries: exponential, with jitter. */
export function bucketClient(options: MinioStorageOptions): S3Client {
  const { endpoint, region, pathStyle, credentials, timeout, attempts } = options
  return new S3Client({
    region,
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle: pathStyle ?? endpoint !== undefined,
    // Absent ones are looked for in the environment, files, web identity and the machine's role, when first needed.
    ...(credentials && {
      credentials: {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey,
        ...(credentials.sessionToken !== undefined && { sessionToken: credentials.sessionToken }),
      },
    }),
    retryMode: 'standard',
    maxAttempts: attempts,
    requestHandler: {
      connectionTimeout: connectionPatience,
      socketTimeout: timeout * 1000,
      httpAgent: { keepAlive: true, maxSockets: connections },
      httpsAgent: { keepAlive: true, maxSockets: connections },
    },
  })
}

export function placeOf({ bucket, endpoint, region }: MinioStorageOptions): Place {
  return { bucket, endpoint: endpoint ?? `AWS in ${region}`, region }
}
