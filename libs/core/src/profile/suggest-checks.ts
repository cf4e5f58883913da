import type { ColumnProfile, SuggestedCheck } from './table-profile.js'

/** Fewer rows say little of those to come. */
const fewestRows = 10
/** A list of more values is seldom one that was meant. */
const mostAccepted = 12
const hour = 3_600_000

/** Checks that would pass now and say something of the rows to come. */
export function suggestChecks(columns: readonly ColumnProfile[], rows: number, now: Date): SuggestedCheck[] {
  if (rows === 0) return []
  const some = `${rows} ${rows === 1 ? 'row' : 'rows'}`
  return [
    { code: 't.count({ min: 1 })', why: `there are ${some}` },
    ...columns.flatMap((column) => [...aboutPresence(column, rows, some), ...aboutValues(column, rows, now)]),
  ]
}

function aboutPresence({ name, nulls, distinct }: ColumnProfile, rows: number, some: string): SuggestedCheck[] {
  const column = quoted(name)
  const known = rows - nulls
  const isUnique = distinct?.isExact === true && distinct.count === known && known >= fewestRows
  return [
    ...(nulls === 0 ? [{ code: `t.notNull(${column})`, why: `no NULL in ${some}` }] : []),
    ...(isUnique ? [{ code: `t.unique(${column})`, why: `${known} values, all different` }] : []),
  ]
}

function aboutValues(column: ColumnProfile, rows: number, now: Date): SuggestedCheck[] {
  const { name, type, min, max, values, lengths, nulls } = column
  const known = rows - nulls
  if (known < fewestRows) return []
  const own = quoted(name)
  if (values && type === 'string' && values.length <= mostAccepted && known >= values.length * 5) {
    const list = values.map(({ value }) => quoted(value)).sort()
    return [{ code: `t.acceptedValues(${own}, [${list.join(', ')}])`, why: `${values.length} different values only` }]
  }
  if (lengths && lengths.min === lengths.max) {
    const limits = `{ min: ${lengths.min}, max: ${lengths.max} }`
    return [{ code: `t.length(${own}, ${limits})`, why: `all are ${lengths.min} characters long` }]
  }
  if (/^(timestamp(tz)?|date)$/.test(type) && typeof max === 'string') {
    const age = now.getTime() - Date.parse(/Z$|^\d{4}-\d{2}-\d{2}$/.test(max) ? max : `${max}Z`)
    const limit = [1, 6, 24, 48, 168].find((hours) => age <= (hours * hour) / 2)
    return age < 0 || limit === undefined ? [] : [{ code: `t.fresh(${own}, '${limit}h')`, why: `the newest is ${max}` }]
  }
  const isNumber = /^(int|long|float|double|decimal.*)$/.test(type)
  if (!isNumber || column.distinct?.count === known) return []
  return [{ code: `t.range(${own}, { min: ${limit(min)}, max: ${limit(max)} })`, why: 'the extremes of what is there' }]
}

/** Large numbers and decimals are texts already. */
function limit(value: ColumnProfile['min']): string {
  return typeof value === 'string' ? quoted(value) : JSON.stringify(value)
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`
}
