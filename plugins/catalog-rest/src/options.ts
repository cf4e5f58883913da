import { z } from 'zod'

const Milliseconds = z.int().min(1)

/** How the catalog is told who asks. */
const Authentication = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('none') }),
  z.strictObject({ type: z.literal('bearer'), token: z.string().min(1) }),
  z.strictObject({
    type: z.literal('oauth2'),
    /** Of the authorization server. Default: the catalog's own `/v1/oauth/tokens`. */
    tokenUri: z.url({ protocol: /^https?$/ }).optional(),
    clientId: z.string().min(1).optional(),
    clientSecret: z.string().min(1).optional(),
    /** Without a secret: a token to begin with, exchanged for a fresh one before it ends. */
    token: z.string().min(1).optional(),
    scope: z.string().optional(),
    audience: z.string().min(1).optional(),
    resource: z.string().min(1).optional(),
  }),
])

export const RestCatalogOptions = z.strictObject({
  /** Where the catalog is, without `/v1`. */
  uri: z.url({ protocol: /^https?$/ }),
  /** The warehouse, as the server names it. */
  warehouse: z.string().min(1).optional(),
  auth: Authentication.default({ type: 'none' }),
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
