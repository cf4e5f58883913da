import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { numberOf, primitiveType, requireNumber, standardSchema } from './common.js'

const Options = z.strictObject({
  column: z.string(),
  /** So many standard deviations from the mean are still in line. Default 3. */
  zScore: z.number().positive().default(3),
})
type Options = z.infer<typeof Options>

/** No value is far from the mean of all that are looked at. NULL is no value. */
export const outliersCheck: CheckKind<Options> = {
  kind: 'outliers',
  options: standardSchema(Options),
  columns: ({ column }) => [column],
  describe: ({ column, zScore }) => `${column} within ${zScore} standard deviations of its mean`,
  compile: ({ column, zScore }, context) => {
    const { dialect } = context
    requireNumber(column, primitiveType(context, column))
    const value = `CAST(${dialect.identifier(column)} AS DOUBLE)`
    const [mean, deviation] = [`avg(${value})`, `stddev_pop(${value})`]
    const limit = dialect.literal(zScore)
    return {
      type: 'query',
      failingRows: (relation) =>
        `SELECT checked.* FROM ${relation} AS checked CROSS JOIN (SELECT ${mean} AS mean, ${deviation} AS deviation ` +
        `FROM ${relation} AS all_rows) AS usual ` +
        `WHERE abs(CAST(checked.${dialect.identifier(column)} AS DOUBLE) - usual.mean) > ${limit} * usual.deviation`,
      screen: {
        select: { mean, deviation, least: `min(${value})`, most: `max(${value})` },
        clean: (values) => {
          const reach = zScore * numberOf(values, 'deviation')
          const far = Math.max(
            numberOf(values, 'most') - numberOf(values, 'mean'),
            numberOf(values, 'mean') - numberOf(values, 'least'),
          )
          // Sums of several threads differ in their last digits: what is close to the limit is looked at.
          return far <= reach * (1 - 1e-6)
        },
      },
    }
  },
}
