import type { AggregateValues, CompiledCheck, SqlDialect } from '@phlo/ports'
import type { PlainRow } from '../result-rows.js'

/** A check as a scan sees it. */
export interface ScanItem {
  readonly compiled: CompiledCheck
  /** SQL for the rows that it looks at; absent for all rows. */
  readonly condition?: string
}

/** The rows under check, as they stand behind FROM. */
export function relationOf(table: string, condition: string | undefined): string {
  return condition === undefined ? table : `(SELECT * FROM ${table} WHERE ${condition})`
}

/**
 * One statement for all that checks want to know of a table's rows: it reads the rows once, and gives one row with a column
 * for every aggregate. Checks that look at other rows than the rest have theirs filtered out of the same scan.
 */
export class SharedScan {
  readonly sql: string
  private readonly items: readonly ScanItem[]
  private readonly conditions: readonly (string | undefined)[]

  constructor(table: string, items: readonly ScanItem[], dialect: SqlDialect) {
    this.items = items
    const some = new Set(items.flatMap(({ condition }) => condition ?? []))
    const isWhole = items.some(({ condition }) => condition === undefined)
    this.conditions = [...(isWhole ? [undefined] : []), ...some]
    const name = (alias: string) => dialect.identifier(alias)
    const columns = [
      ...this.conditions.map((condition, index) => `count(*)${this.filter(condition)} AS ${name(totalAlias(index))}`),
      ...items.flatMap((item, index) =>
        this.aggregates(item).map(([alias, sql]) => `${sql} AS ${name(`c${index}_${alias}`)}`),
      ),
    ]
    this.sql = `SELECT ${columns.join(', ')} FROM ${this.from(table)} AS checked`
  }

  /** What a check's aggregates gave. */
  values(item: ScanItem, row: PlainRow): AggregateValues {
    const index = this.items.indexOf(item)
    const own = this.aggregates(item).map(([alias]) => [alias, row[`c${index}_${alias}`]])
    return {
      ...(Object.fromEntries(own) as AggregateValues),
      total: Number(row[totalAlias(this.conditions.indexOf(item.condition))]),
    }
  }

  private from(table: string): string {
    const [first, ...others] = this.conditions
    if (first === undefined) return table
    return relationOf(table, others.length === 0 ? first : this.conditions.map((item) => `(${item})`).join(' OR '))
  }

  /** Where all checks look at the same rows, nothing is left to filter. */
  private filter(condition: string | undefined, further?: string): string {
    const own = this.conditions.length > 1 && condition !== undefined ? condition : undefined
    const parts = [own, further].filter((part): part is string => part !== undefined)
    if (parts.length === 0) return ''
    return ` FILTER (WHERE ${parts.length === 1 ? parts.join('') : parts.map((part) => `(${part})`).join(' AND ')})`
  }

  private aggregates({ compiled, condition }: ScanItem): readonly (readonly [string, string])[] {
    if (compiled.type === 'rows') return [['failed', `count(*)${this.filter(condition, compiled.failing)}`]]
    const { select = {}, scalars = {} } = sharedPart(compiled)
    return [
      ...Object.entries(select).map(([alias, sql]) => [alias, `${sql}${this.filter(condition)}`] as const),
      ...Object.entries(scalars).map(([alias, sql]) => [alias, `(${sql})`] as const),
    ]
  }
}

function sharedPart(compiled: CompiledCheck): {
  readonly select?: Readonly<Record<string, string>>
  readonly scalars?: Readonly<Record<string, string>>
} {
  if (compiled.type === 'aggregates') return compiled
  return compiled.type === 'query' ? (compiled.screen ?? {}) : {}
}

function totalAlias(index: number): string {
  return index === 0 ? 'total' : `total_${index}`
}
