import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { columnList, numberOf, standardSchema } from './common.js'

const Options = z.strictObject({ columns: z.array(z.string()).min(1) })
type Options = z.infer<typeof Options>

/** No two rows have the same values; every row of a group of equals fails. Rows with NULL are equal to none. */
export const uniqueCheck: CheckKind<Options> = {
  kind: 'unique',
  options: standardSchema(Options),
  columns: ({ columns }) => columns,
  describe: ({ columns }) => `${columnList(columns)} unique`,
  compile: ({ columns }, { dialect }) => {
    const names = columns.map((column) => dialect.identifier(column))
    const present = names.map((name) => `${name} IS NOT NULL`).join(' AND ')
    const joined = names.map((name) => `checked.${name} = twice.${name}`).join(' AND ')
    return {
      type: 'query',
      failingRows: (relation) =>
        `SELECT checked.* FROM ${relation} AS checked JOIN (SELECT ${names.join(', ')} FROM ${relation} AS all_rows ` +
        `WHERE ${present} GROUP BY ${names.join(', ')} HAVING count(*) > 1) AS twice ON ${joined}`,
      screen: {
        select:
          names.length === 1
            ? { present: `count(${names.join('')})`, distinct: `count(DISTINCT ${names.join('')})` }
            : {
                present: `count(CASE WHEN ${present} THEN 1 END)`,
                distinct: `count(DISTINCT CASE WHEN ${present} THEN ${dialect.tuple(names)} END)`,
              },
        clean: (values) => numberOf(values, 'present') === numberOf(values, 'distinct'),
      },
    }
  },
}
