import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { standardSchema } from './common.js'

/** How two columns can stand to each other; `together`: both are NULL or neither is. */
const relations = ['=', '!=', '<', '<=', '>', '>=', 'together'] as const

const Options = z.strictObject({ column: z.string(), relation: z.enum(relations), other: z.string() })
type Options = z.infer<typeof Options>

/** Two columns of each row stand in a relation to each other. But for `together`, NULL in one of them is no mistake. */
export const columnPairCheck: CheckKind<Options> = {
  kind: 'column_pair',
  options: standardSchema(Options),
  columns: ({ column, other }) => [column, other],
  describe: ({ column, relation, other }) =>
    relation === 'together' ? `${column} and ${other} both or neither` : `${column} ${relation} ${other}`,
  compile: ({ column, relation, other }, { dialect }) => {
    const [one, two] = [dialect.identifier(column), dialect.identifier(other)]
    const failing =
      relation === 'together'
        ? `((${one} IS NULL) <> (${two} IS NULL))`
        : `NOT (${one} ${relation === '!=' ? '<>' : relation} ${two})`
    return { type: 'rows', failing, columns: [column, other] }
  },
}
