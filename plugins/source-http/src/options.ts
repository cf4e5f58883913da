import { PhloError } from '@phlo/ports'
import { z } from 'zod'

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const durationPattern = /^(\d{1,9})(ms|s|m|h|d)$/

/** Milliseconds of `500ms`, `10s`, `5m`, `2h` or `1d`. */
const Duration = z
  .string()
  .regex(durationPattern, 'is no duration such as 500ms, 10s, 5m, 2h or 1d')
  .transform((text) => {
    const [, amount, unit] = durationPattern.exec(text) as unknown as [string, string, keyof typeof durationUnits]
    return Number(amount) * durationUnits[unit]
  })

const Scalar = z.union([z.string(), z.number(), z.boolean()])
const Query = z.record(z.string(), z.union([Scalar, z.array(Scalar)]))
const Headers = z.record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is no name of a header'), z.string())
const Url = z.url({ protocol: /^https?$/ }).refine((text) => !/^[^?#]*\/\/[^/?#]*@/.test(text), {
  error: 'holds credentials: give them as auth',
})
/** RFC 9535; checked when it is compiled. */
const JsonPath = z.string().min(1)
const place = z.enum(['query', 'body']).default('query')

const Pagination = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('none') }),
  z.strictObject({
    type: z.literal('page'),
    parameter: z.string().min(1).default('page'),
    first: z.int().min(0).default(1),
    totalPages: JsonPath.optional(),
    in: place,
  }),
  z.strictObject({
    type: z.literal('offset'),
    parameter: z.string().min(1).default('offset'),
    total: JsonPath.optional(),
    in: place,
  }),
  z.strictObject({
    type: z.literal('cursor'),
    parameter: z.string().min(1).default('cursor'),
    next: JsonPath,
    in: place,
  }),
  z.strictObject({ type: z.literal('link-header'), rel: z.string().min(1).default('next') }),
  z.strictObject({ type: z.literal('next-url'), next: JsonPath }),
])
export type Pagination = z.output<typeof Pagination>

const Auth = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('bearer'), token: z.string().min(1) }),
  z.strictObject({ type: z.literal('basic'), username: z.string(), password: z.string() }),
  z.strictObject({
    type: z.literal('api-key'),
    name: z.string().min(1),
    value: z.string().min(1),
    in: z.enum(['header', 'query']).default('header'),
  }),
  z.strictObject({
    type: z.literal('oauth2-client-credentials'),
    tokenUrl: Url,
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
    scope: z.string().optional(),
    /** Further fields of the token request, for instance `audience`. */
    parameters: z.record(z.string(), z.string()).default({}),
  }),
  z.strictObject({
    type: z.literal('oauth2-refresh-token'),
    tokenUrl: Url,
    refreshToken: z.string().min(1),
    clientId: z.string().min(1).optional(),
    clientSecret: z.string().min(1).optional(),
    scope: z.string().optional(),
    parameters: z.record(z.string(), z.string()).default({}),
  }),
])
export type AuthOptions = z.output<typeof Auth>

const resourceFields = {
  path: z.string(),
  method: z.enum(['GET', 'POST']).default('GET'),
  query: Query.default({}),
  body: z.record(z.string(), z.json()).optional(),
  headers: Headers.default({}),
  records: JsonPath.optional(),
  pagination: Pagination.default({ type: 'none' }),
  /** Answers of these statuses hold no records, for instance 404 of a child that a parent may lack. */
  emptyStatuses: z.array(z.int().min(400).max(499)).default([]),
}

/** What one kind of request asks for. */
export interface ResourceOptions {
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly query: Readonly<Record<string, string | number | boolean | readonly (string | number | boolean)[]>>
  readonly body?: Readonly<Record<string, unknown>> | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly records?: string | undefined
  readonly pagination: Pagination
  readonly emptyStatuses: readonly number[]
  readonly parent?: ParentOptions | undefined
}

export interface ParentOptions extends ResourceOptions {
  readonly include: Readonly<Record<string, string>>
}

const Parent: z.ZodType<ParentOptions> = z.lazy(() =>
  z.strictObject({
    ...resourceFields,
    /** Columns of the children that come from the parent: name and path, such as `id` or `owner.login`. */
    include: z.record(z.string().min(1), z.string().min(1)).default({}),
    parent: Parent.optional(),
  }),
)

const Incremental = z.strictObject({
  /** Where a record has its cursor value: `date`, `meta.updated_at`. */
  field: z.string().min(1),
  parameter: z.string().min(1),
  in: place,
  /** What the first read asks for; absent, the first read asks for everything. */
  initial: z.union([z.string(), z.number()]).optional(),
  /** How far behind the last value to ask again: a duration for times as text, a number for numbers. */
  lag: z.union([Duration, z.number().min(0)]).optional(),
})
export type IncrementalOptions = z.output<typeof Incremental>

/** What `http({ … })` takes. */
export const HttpOptions = z.strictObject({
  ...resourceFields,
  parent: Parent.optional(),
  baseUrl: Url,
  auth: Auth.optional(),
  incremental: Incremental.optional(),
  rateLimit: z.strictObject({ requests: z.int().min(1), per: Duration }).optional(),
  /** For one attempt, its body included. */
  timeout: Duration.default(30_000),
  /** How often a request is sent at most. */
  attempts: z.int().min(1).max(100).default(5),
  /** Bytes of one answer. */
  maxResponseSize: z
    .int()
    .min(1)
    .max(512 * 1024 * 1024)
    .default(64 * 1024 * 1024),
  maxPages: z.int().min(1).default(100_000),
})
export type HttpOptions = z.output<typeof HttpOptions>

/** Throws PHLO_CONFIG_INVALID. */
export function parseOptions(options: unknown): HttpOptions {
  const parsed = HttpOptions.safeParse(options)
  if (parsed.success) return parsed.data
  throw new PhloError('PHLO_CONFIG_INVALID', `http(): ${z.prettifyError(parsed.error)}`)
}

/** What the plugin takes in phlo.yaml. */
export const PluginOptions = z.strictObject({
  /** `record` keeps every answer as a file, `replay` answers from those files and asks nobody. */
  mode: z.enum(['live', 'record', 'replay']).default('live'),
  /** The folder of the recordings, inside the project. */
  recordings: z.string().min(1).default('recordings'),
})
export type PluginOptions = z.output<typeof PluginOptions>
