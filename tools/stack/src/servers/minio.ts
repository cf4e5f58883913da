import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { answers } from '../answers.js'
import { goProgram } from '../programs/go.js'
import type { Server, Setting } from '../server.js'
import { versions } from '../versions.js'

/** The region that the bucket is in, as far as signatures go. */
export const region = 'us-east-1'
/** The bucket that Nessie and the reference server keep their tables in, and tests what they like. */
export const bucket = 'lake'

export const minio: Server = {
  name: 'minio',
  needs: [],
  ports: ['api', 'console'],
  patience: 60_000,
  getting: 'Go builds MinIO once, which takes some minutes',

  async launch({ folder, ports, secrets }) {
    const data = path.join(folder, 'data')
    await mkdir(data, { recursive: true })
    return {
      command: await goProgram(versions.minio),
      args: [
        'server',
        data,
        '--address',
        `127.0.0.1:${ports['api']}`,
        '--console-address',
        `127.0.0.1:${ports['console']}`,
      ],
      env: {
        MINIO_ROOT_USER: secrets.minioUser,
        MINIO_ROOT_PASSWORD: secrets.minioPassword,
        MINIO_REGION: region,
        // With a key of its own it encrypts for whoever asks.
        MINIO_KMS_SECRET_KEY: `phlo:${createHash('sha256').update(secrets.minioPassword).digest('base64')}`,
        // It looks for news of itself elsewhere otherwise.
        MINIO_UPDATE: 'off',
        MINIO_BROWSER: 'off',
        // The collector's limit, not a bound: it works in what tests need.
        GOMEMLIMIT: '512MiB',
      },
    }
  },

  ready: (ports) => answers(`http://127.0.0.1:${ports['api']}/minio/health/ready`),

  async furnish(setting) {
    const client = clientOf(setting)
    try {
      await client.send(new HeadBucketCommand({ Bucket: bucket })).catch(async () => {
        await client.send(new CreateBucketCommand({ Bucket: bucket }))
      })
    } finally {
      client.destroy()
    }
  },
}

/** The SDK tells users of Node 20 of its plans on standard error, which nobody asked this command for. */
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'

function clientOf({ ports, secrets }: Setting): S3Client {
  return new S3Client({
    endpoint: `http://127.0.0.1:${ports['api']}`,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId: secrets.minioUser, secretAccessKey: secrets.minioPassword },
  })
}
