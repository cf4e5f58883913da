import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { primitiveType, standardSchema } from './common.js'

const Limit = z.union([z.number(), z.bigint(), z.string()])
const Options = z
  .strictObject({ column: z.string(), min: Limit.optional(), max: Limit.optional() })
  .refine(({ min, max }) => min !== undefined || max !== undefined, { error: 'give min, max or both' })
type Options = z.infer<typeof Options>

/** Values within limits, both inclusive. NULL is no value. */
export const rangeCheck: CheckKind<Options> = {
  kind: 'range',
  options: standardSchema(Options),
  columns: ({ column }) => [column],
  describe: ({ column, min, max }) => `${column} in [${min ?? '-∞'}, ${max ?? '∞'}]`,
  compile: ({ column, min, max }, context) => {
    const { dialect } = context
    const type = primitiveType(context, column)
    const name = dialect.identifier(column)
    const outside = [
      ...(min === undefined ? [] : [`${name} < ${dialect.typedLiteral(min, type)}`]),
      ...(max === undefined ? [] : [`${name} > ${dialect.typedLiteral(max, type)}`]),
    ]
    return { type: 'rows', failing: `(${outside.join(' OR ')})`, columns: [column] }
  },
}
