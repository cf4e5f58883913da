import { AuthenticationOptions } from '@phlo/iceberg-rest'
import { z } from 'zod'

export const NessieCatalogOptions = z.strictObject({
  /** Nessie's API, as `http://localhost:19120/api/v2`. */
  uri: z.url({ protocol: /^https?$/ }),
  auth: AuthenticationOptions.default({ type: 'none' }),
  /** Sent with every request. */
  headers: z.record(z.string(), z.string()).default({}),
  /** Milliseconds for one attempt at a request. */
  timeout: z.int().min(1).default(60_000),
  /** How often a request that may be sent again is sent at most. */
  attempts: z.int().min(1).max(20).default(5),
})
export type NessieCatalogOptions = z.infer<typeof NessieCatalogOptions>
