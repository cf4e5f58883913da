import { type CheckKind, PhloError } from '@phlo/ports'
import { z } from 'zod'
import { standardSchema } from './common.js'

const Options = z
  .strictObject({
    /** A condition that must hold for every row; NULL does not hold. */
    condition: z.string().min(1).optional(),
    /** A SELECT of the rows that are wrong. */
    failingRows: z.string().min(1).optional(),
  })
  .refine(({ condition, failingRows }) => (condition === undefined) !== (failingRows === undefined), {
    error: 'give either condition or failingRows',
  })
type Options = z.infer<typeof Options>

/** The user's own SQL. */
export const customSqlCheck: CheckKind<Options> = {
  kind: 'custom_sql',
  options: standardSchema(Options),
  columns: () => [],
  describe: ({ condition, failingRows }) => condition ?? `no rows from: ${failingRows ?? ''}`,
  compile: ({ condition, failingRows }) => {
    if (failingRows !== undefined) {
      // Within a SELECT of its own, on its own lines: it may have a LIMIT or ORDER BY, and end in a comment.
      const rows = failingRows.trimEnd().replace(/;$/, '')
      return { type: 'query', failingRows: () => `SELECT * FROM (\n${rows}\n) AS failing_rows` }
    }
    if (condition === undefined) throw new PhloError('PHLO_CHECK_INVALID', 'A custom_sql check needs a condition')
    // In parentheses, and a comment on a line of its own, so that neither an OR nor a comment reaches what is around it.
    const own = condition.includes('--') ? `\n${condition}\n` : condition.trim()
    return { type: 'rows', failing: `((${own}) IS NOT TRUE)`, columns: [] }
  },
}
