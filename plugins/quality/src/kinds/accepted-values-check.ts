import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { primitiveType, standardSchema } from './common.js'

const Options = z.strictObject({
  column: z.string(),
  values: z.array(z.union([z.string(), z.number(), z.boolean()])).min(1),
})
type Options = z.infer<typeof Options>

/** Values from a list. NULL is no value. */
export const acceptedValuesCheck: CheckKind<Options> = {
  kind: 'accepted_values',
  options: standardSchema(Options),
  columns: ({ column }) => [column],
  describe: ({ column, values }) =>
    `${column} one of ${values.slice(0, 8).join(', ')}${values.length > 8 ? ', …' : ''}`,
  compile: ({ column, values }, context) => {
    const { dialect } = context
    const type = primitiveType(context, column)
    // In YAML, 1 and true look the same whether they are meant as text or not; the column tells.
    const list = values.map((value) => dialect.typedLiteral(type === 'string' ? String(value) : value, type)).join(', ')
    return { type: 'rows', failing: `${dialect.identifier(column)} NOT IN (${list})`, columns: [column] }
  },
}
