import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { MinioStorageOptions } from '../options.js'
import type { Place } from '../storage-error.js'

/** Milliseconds that making a connection may take. */
const connectionPatience = 5_000
/** Connections that are kept open at a time. */
const connections = 64

// The SDK tells users of Node 20 of its plans on standard error; Phlo's own versions decide what Phlo runs on.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

/** Where the API is, and how to speak to it. */
export type Endpoint = Pick<MinioStorageOptions, 'endpoint' | 'region' | 'pathStyle'>

/** A client with the options' endpoint, credentials, deadlines and retries: exponential, with jitter. */
export function bucketClient(options: MinioStorageOptions): S3Client {
  const { credentials, timeout } = options
  return new S3Client({
    ...endpointConfig(options),
    ...retries(options),
    // Absent ones are looked for in the environment, files, web identity and the machine's role, when first needed.
    ...(credentials && {
      credentials: {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey,
        ...(credentials.sessionToken !== undefined && { sessionToken: credentials.sessionToken }),
      },
    }),
    requestHandler: {
      connectionTimeout: connectionPatience,
      socketTimeout: timeout * 1000,
      httpAgent: { keepAlive: true, maxSockets: connections },
      httpsAgent: { keepAlive: true, maxSockets: connections },
    },
  })
}

/** A client with other credentials, at another endpoint maybe, that shares the connections of the store's own. */
export function sharingClient(
  own: S3Client,
  options: MinioStorageOptions,
  endpoint: Endpoint,
  access: Pick<S3ClientConfig, 'credentials' | 'signer'>,
): S3Client {
  return new S3Client({
    ...endpointConfig(endpoint),
    ...retries(options),
    ...access,
    requestHandler: own.config.requestHandler,
  })
}

export function placeOf({ bucket, endpoint, region }: Endpoint & Pick<MinioStorageOptions, 'bucket'>): Place {
  return { bucket, endpoint: endpoint ?? `AWS in ${region}`, region }
}

function endpointConfig({ endpoint, region, pathStyle }: Endpoint): S3ClientConfig {
  return {
    region,
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle: pathStyle ?? endpoint !== undefined,
  }
}

function retries({ attempts }: MinioStorageOptions): S3ClientConfig {
  return { retryMode: 'standard', maxAttempts: attempts }
}
