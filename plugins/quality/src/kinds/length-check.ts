import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { standardSchema } from './common.js'

const Options = z
  .strictObject({ column: z.string(), min: z.int().min(0).optional(), max: z.int().min(0).optional() })
  .refine(({ min, max }) => min !== undefined || max !== undefined, { error: 'give min, max or both' })
type Options = z.infer<typeof Options>

/** Text of a length within limits, both inclusive. NULL is no text. */
export const lengthCheck: CheckKind<Options> = {
  kind: 'length',
  options: standardSchema(Options),
  columns: ({ column }) => [column],
  describe: ({ column, min, max }) => `length of ${column} in [${min ?? 0}, ${max ?? '∞'}]`,
  compile: ({ column, min, max }, { dialect }) => {
    const length = dialect.textLength(dialect.identifier(column))
    const outside = [
      ...(min === undefined ? [] : [`${length} < ${min}`]),
      ...(max === undefined ? [] : [`${length} > ${max}`]),
    ]
    return { type: 'rows', failing: `(${outside.join(' OR ')})`, columns: [column] }
  },
}
