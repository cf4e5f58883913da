import { PhloError } from '@phlo/ports'
import { z } from 'zod'

const connection = {
  url: z.url({ protocol: /^postgres(?:ql)?$/ }),
  /** In place of one in the URL. */
  password: z.string().min(1).optional(),
}
const Name = z.string().min(1).max(63)
const table = {
  schema: Name.default('public'),
  table: Name,
  columns: z.array(Name).min(1).optional(),
  /** Connections that read at once. */
  parallel: z.int().min(1).max(64).default(4),
}

const TableOptions = z.strictObject({
  ...connection,
  ...table,
  incremental: z
    .strictObject({
      column: Name,
      /** What the first read begins behind. */
      initial: z.union([z.string(), z.number()]).optional(),
      /** How far behind the last value to read again: an interval such as `1 hour`, or a number. */
      lag: z.union([z.string().min(1), z.number().min(0)]).optional(),
    })
    .optional(),
})
export type TableOptions = z.output<typeof TableOptions>

const QueryOptions = z.strictObject({
  ...connection,
  query: z.string().min(1),
  /** Values of `$1`, `$2` and so on. */
  parameters: z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])).default([]),
})
export type QueryOptions = z.output<typeof QueryOptions>

const ChangesOptions = z.strictObject({
  ...connection,
  ...table,
  /** The replication slot; one asset of one lake has it for its own. */
  slot: z.string().regex(/^[a-z0-9_]{1,63}$/, 'is no name of a slot: small letters, digits and _'),
  /** Made for the table when it is absent. */
  publication: Name.optional(),
  /** Changes of one run; a transaction is never divided. */
  maxChanges: z.int().min(1).max(2_000_000_000).optional(),
})
export type ChangesOptions = z.output<typeof ChangesOptions>

/** Throws PHLO_CONFIG_INVALID. */
export function parsePostgresOptions(options: unknown): TableOptions | QueryOptions {
  const isQuery = typeof options === 'object' && options !== null && 'query' in options
  return isQuery ? parsed(QueryOptions, options, 'postgres()') : parsed(TableOptions, options, 'postgres()')
}

/** Throws PHLO_CONFIG_INVALID. */
export function parseChangesOptions(options: unknown): ChangesOptions {
  return parsed(ChangesOptions, options, 'postgresChanges()')
}

function parsed<Schema extends z.ZodType>(schema: Schema, options: unknown, name: string): z.output<Schema> {
  const result = schema.safeParse(options)
  if (result.success) return result.data
  throw new PhloError('PHLO_CONFIG_INVALID', `${name}: ${z.prettifyError(result.error)}`)
}
