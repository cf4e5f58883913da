import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { columnList, numberOf, standardSchema } from './common.js'

const Options = z.strictObject({
  /** Default: all columns of the table. */
  columns: z.array(z.string()).min(1).optional(),
})
type Options = z.infer<typeof Options>

/** No row is there more than once; of a group of equals all but one fail. NULL is equal to NULL. */
export const duplicatesCheck: CheckKind<Options> = {
  kind: 'duplicates',
  options: standardSchema(Options),
  columns: ({ columns = [] }) => columns,
  describe: ({ columns }) => `no duplicates${columns ? ` of ${columnList(columns)}` : ''}`,
  compile: ({ columns }, { columns: all, dialect }) => {
    const names = (columns ?? all.map(({ name }) => name)).map((column) => dialect.identifier(column))
    const own = all.map(({ name }) => dialect.identifier(name)).join(', ')
    const copy = dialect.identifier('copy of the row')
    return {
      type: 'query',
      failingRows: (relation) =>
        `SELECT ${own} FROM (SELECT *, row_number() OVER (PARTITION BY ${names.join(', ')}) AS ${copy} ` +
        `FROM ${relation} AS all_rows) AS copies WHERE ${copy} > 1`,
      screen: {
        select: { distinct: `count(DISTINCT ${dialect.tuple(names)})` },
        clean: (values) => numberOf(values, 'distinct') === numberOf(values, 'total'),
      },
    }
  },
}
