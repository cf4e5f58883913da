import type { CheckKind, SqlDialect } from '@phlo/ports'
import { z } from 'zod'
import { columnList, standardSchema } from './common.js'
import {
  bothSides,
  countKeys,
  describeSource,
  onOneSide,
  sideOf,
  sourceRelation,
  SourceRows,
} from './reconciliation.js'

const Options = z.strictObject({
  source: SourceRows,
  /** By which rows are told apart. */
  key: z.array(z.string()).min(1),
  /** What is compared. Default: all other columns but Phlo's own. */
  columns: z.array(z.string()).min(1).optional(),
})
type Options = z.infer<typeof Options>

/** Each row is that of another table or a SELECT, told by a checksum over its columns' values as text. */
export const reconcileChecksumsCheck: CheckKind<Options> = {
  kind: 'reconcile_checksums',
  options: standardSchema(Options),
  columns: ({ key, columns = [] }) => [...key, ...columns],
  describe: ({ key, source }) => `rows by ${columnList(key)} as in ${describeSource(source)}`,
  compile: ({ source, key, columns }, { dialect, columns: all }) => {
    const others = all.map(({ name }) => name).filter((name) => !key.includes(name) && !name.startsWith('_phlo_'))
    const compared = columns ?? others
    const keys = key.map((name) => dialect.identifier(name))
    const side = (relation: string) => ({ relation, keys, values: [checksum(compared, dialect)] })
    const other = side(sourceRelation(source, dialect))
    const keep = `${onOneSide} OR count(t0) <> count(s0) OR min(t0) IS DISTINCT FROM min(s0) OR max(t0) IS DISTINCT FROM max(s0)`
    return {
      type: 'query',
      failingRows: (relation) =>
        bothSides(side(relation), other, { select: [sideOf('different')], keep, aggregated: false }, key, dialect),
      total: (relation) => countKeys(side(relation), other, key, dialect),
    }
  },
}

/** Each value with its length before it, so that no two rows are written alike; NULL is unlike any text. */
function checksum(columns: readonly string[], dialect: SqlDialect): string {
  const values = columns.map((column) => {
    const text = `CAST(${dialect.identifier(column)} AS VARCHAR)`
    return `coalesce(CAST(${dialect.textLength(text)} AS VARCHAR) || ':' || ${text}, '-')`
  })
  return dialect.digest(values.length === 0 ? `''` : values.join(` || `))
}
