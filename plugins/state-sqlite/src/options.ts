import { z } from 'zod'

export const SqliteStateOptions = z.strictObject({
  /** The database file; relative paths start at the project's folder. Default `.phlo/state.db`. */
  path: z.string().min(1).optional(),
})
export type SqliteStateOptions = z.infer<typeof SqliteStateOptions>
