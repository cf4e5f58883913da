import { z } from 'zod'

/** What `files({ … })` takes. */
export const FilesOptions = z.strictObject({
  /** Paths or globs (`*`, `**`, `?`, `[…]`, `{a,b}`), relative to the project's folder. */
  path: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  /** Found from the files' names when absent. */
  format: z.enum(['parquet', 'csv', 'ndjson', 'json']).optional(),
  /** CSV's separator; found from the header when absent. */
  delimiter: z.string().length(1).optional(),
  /** CSV's text for NULL beside the empty field. */
  nullText: z.string().min(1).optional(),
})
export type FilesOptions = z.infer<typeof FilesOptions>
