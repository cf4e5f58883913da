import { type CheckKind, parseIdentifier, PhloError } from '@phlo/ports'
import { z } from 'zod'
import { standardSchema } from './common.js'

const Options = z.strictObject({
  column: z.string(),
  /** The other table, `namespace.name`. */
  to: z.string(),
  /** The other table's column. */
  field: z.string(),
})
type Options = z.infer<typeof Options>

/** Every value is one of another table's column. NULL refers to nothing. */
export const referentialCheck: CheckKind<Options> = {
  kind: 'referential',
  options: standardSchema(Options),
  columns: ({ column }) => [column],
  describe: ({ column, to, field }) => `${column} refers to ${to}.${field}`,
  compile: ({ column, to, field }, { dialect }) => {
    const table = parseIdentifier(to)
    if (!table)
      throw new PhloError('PHLO_CHECK_INVALID', `${JSON.stringify(to)} is no table’s name`, {
        hint: 'Write namespace.name.',
      })
    const own = dialect.identifier(column)
    return {
      type: 'query',
      failingRows: (relation) =>
        `SELECT checked.* FROM ${relation} AS checked WHERE checked.${own} IS NOT NULL AND NOT EXISTS (` +
        `SELECT 1 FROM ${dialect.table(table)} AS others WHERE others.${dialect.identifier(field)} = checked.${own})`,
    }
  },
}
