import { z } from 'zod'

const size = z.string().regex(/^\d+(\.\d+)?\s*(MB|GB|TB)$/i, 'must be a size such as 10GB')

export const MinioStorageOptions = z.strictObject({
  /** The bucket that holds the lake; it must be there. */
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket'),
  /** Folder in the bucket; the whole bucket when empty. */
  prefix: z
    .string()
    .regex(/^([^/\\]+(\/[^/\\]+)*)?$/, 'must be segments with "/" between them')
    .default(''),
  /** Where the S3 API is, for instance `http://127.0.0.1:9000`; AWS when absent. */
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
  region: z.string().min(1).default('us-east-1'),
  /** Whether the bucket stands in the path and not in the host's name. Default: where an endpoint is given. */
  pathStyle: z.boolean().optional(),
  /** Keys that are given; without them those of the environment, as every AWS program finds them. */
  credentials: z
    .strictObject({
      accessKeyId: z.string().min(1),
      secretAccessKey: z.string().min(1),
      sessionToken: z.string().min(1).optional(),
    })
    .optional(),
  /** How the store encrypts what it holds; as the bucket has it when absent. */
  encryption: z
    .discriminatedUnion('keys', [
      z.strictObject({ keys: z.literal('s3') }),
      z.strictObject({ keys: z.literal('kms'), keyId: z.string().min(1).optional() }),
    ])
    .optional(),
  /** Seconds without any byte until a request is given up. */
  timeout: z.number().min(1).max(3600).default(60),
  /** How often a request is tried that fails for a reason that may pass. */
  attempts: z.int().min(1).max(20).default(5),
  cache: z
    .strictObject({
      /** Folder of the copies of immutable objects; relative paths start at the project's folder. */
      path: z.string().min(1).default('.phlo/cache/objects'),
      /** What the copies may take before those go that were not used for longest. */
      maxSize: size.default('10GB'),
    })
    .prefault({}),
})
export type MinioStorageOptions = z.infer<typeof MinioStorageOptions>

/** Bytes of `10GB`. */
export function parseSize(text: string): number {
  const [, number = '', unit = ''] = /^([\d.]+)\s*(\w+)$/.exec(text) ?? []
  return Number(number) * { MB: 1e6, GB: 1e9, TB: 1e12 }[unit.toUpperCase() as 'MB' | 'GB' | 'TB']
}
