import { z } from 'zod'

export const DuckDbOptions = z.strictObject({
  /** What DuckDB may use before it writes to disk, for instance `2GB`. The process needs about 200 MB more. */
  memoryLimit: z
    .string()
    .regex(/^\d+(\.\d+)?\s*(KB|MB|GB|KiB|MiB|GiB)$/i, 'must be a size such as 1GB')
    .default('1GB'),
  /** Threads of a query; all cores when absent. */
  threads: z.int().min(1).max(1024).optional(),
})
export type DuckDbOptions = z.infer<typeof DuckDbOptions>
