import { z } from 'zod'

const character = z.string().length(1)

/** What `files({ … })` takes. */
export const FilesOptions = z
  .strictObject({
    /** Paths or globs (`*`, `**`, `?`, `[…]`, `{a,b}`), relative to the project's folder. */
    path: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    /** Found from the files' names when absent. */
    format: z.enum(['parquet', 'csv', 'ndjson', 'json', 'arrow', 'excel']).optional(),
    /** Each file is taken in once: only those that are new, or have another size or time, since the last run. */
    once: z.boolean().optional(),
    /** Of text; a label of the Encoding Standard. Default UTF-8, and UTF-16 where the file shows it. */
    encoding: z
      .string()
      .refine(isEncoding, 'is no encoding that is known, such as windows-1252 or shift_jis')
      .optional(),
    /** CSV's separator; found from the header when absent. */
    delimiter: character.optional(),
    /** CSV's quote. Default `"`. */
    quote: character.optional(),
    /** CSV's escape of quotes within quotes. Default the quote itself. */
    escape: character.optional(),
    /** Lines of CSV that start with it are left out. */
    comment: character.optional(),
    /** Lines to leave out before a CSV file's header or a sheet's header. */
    skipLines: z.int().min(0).optional(),
    /** The columns of CSV files or sheets that have no header. */
    columns: z.array(z.string().min(1)).min(1).optional(),
    /** CSV's text for NULL beside the empty field. */
    nullText: z.string().min(1).optional(),
    /** An Excel file's sheet, by name or counted from 1. Default the first. */
    sheet: z.union([z.string().min(1), z.int().min(1)]).optional(),
  })
  .refine(({ columns = [] }) => new Set(columns).size === columns.length, {
    message: 'names a column twice',
    path: ['columns'],
  })
export type FilesOptions = z.infer<typeof FilesOptions>

function isEncoding(label: string): boolean {
  try {
    return new TextDecoder(label).encoding !== ''
  } catch {
    return false
  }
}
