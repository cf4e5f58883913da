import { AuthenticationOptions } from '@phlo/iceberg-rest'
import { z } from 'zod'

const Milliseconds = z.int().min(1)

export const RestCatalogOptions = z.strictObject({
  /** Where the catalog is, without `/v1`. */
  uri: z.url({ protocol: /^https?$/ }),
  /** The warehouse, as the server names it. */
  warehouse: z.string().min(1).optional(),
  /** OAuth2's `tokenUri` is by default the catalog's own `/v1/oauth/tokens`. */
  auth: AuthenticationOptions.default({ type: 'none' }),
  /** Sent with every request. */
  headers: z.record(z.string(), z.string()).default({}),
  /** Iceberg's own settings, between the server's defaults and its overrides. */
  properties: z.record(z.string(), z.string()).default({}),
  /** What access to tables' files the catalog is asked for; without any, the storage's own settings do. */
  accessDelegation: z.array(z.enum(['vended-credentials', 'remote-signing'])).default([]),
  /** Milliseconds for one attempt at a request. */
  timeout: Milliseconds.default(60_000),
  /** How often a request that may be sent again is sent at most. */
  attempts: z.int().min(1).max(20).default(5),
})
export type RestCatalogOptions = z.infer<typeof RestCatalogOptions>
