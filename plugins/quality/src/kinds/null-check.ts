import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { columnList, standardSchema } from './common.js'

const Options = z.strictObject({ columns: z.array(z.string()).min(1) })
type Options = z.infer<typeof Options>

/** No NULL in any of the columns; a row with several counts once. */
export const nullCheck: CheckKind<Options> = {
  kind: 'null',
  options: standardSchema(Options),
  columns: ({ columns }) => columns,
  describe: ({ columns }) => `${columnList(columns)} not null`,
  compile: ({ columns }, { dialect }) => ({
    type: 'rows',
    failing: `(${columns.map((column) => `${dialect.identifier(column)} IS NULL`).join(' OR ')})`,
    columns,
  }),
}
