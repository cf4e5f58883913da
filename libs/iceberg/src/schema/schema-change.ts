import { type IcebergType, type NestedField, PhloError, type IcebergSchema } from '@phlo/ports'
import { formatType } from '../types/primitive.js'

/** One difference between a table's schema and another one. */
export interface SchemaChange {
  /** The dotted name; a list's elements are `element`, a map's `key` and `value`. Of a rename, the old one. */
  readonly column: string
  readonly change:
    | 'add'
    | 'drop'
    | 'rename'
    | 'move'
    | 'widen'
    | 'make-optional'
    | 'make-required'
    | 'change-type'
    | 'doc'
    | 'default'
    | 'identifier'
  /** Safe changes keep all stored data readable with the same meaning. */
  readonly class: 'safe' | 'breaking'
  readonly detail: string
}

export interface SchemaEvolution {
  /** The schema after the changes; the given one itself when there are none. */
  readonly schema: IcebergSchema
  readonly lastColumnId: number
  readonly changes: readonly SchemaChange[]
}

type Path = readonly string[]

function change(path: Path, kind: SchemaChange['change'], safe: boolean, detail: string): SchemaChange {
  return { column: path.join('.'), change: kind, class: safe ? 'safe' : 'breaking', detail }
}

/** Changes of each kind, classed in one place whoever finds them. */
export const changes = {
  add: (path: Path, field: Pick<NestedField, 'type' | 'required' | 'initial-default'>): SchemaChange => {
    const safe = !field.required || (field['initial-default'] ?? null) !== null
    return change(path, 'add', safe, formatType(field.type) + (safe ? '' : ', but stored rows have no value for it'))
  },
  drop: (path: Path, type: IcebergType): SchemaChange => change(path, 'drop', false, formatType(type)),
  rename: (path: Path, name: string): SchemaChange => change(path, 'rename', true, `${path.at(-1) ?? ''} → ${name}`),
  move: (path: Path, after: string | undefined): SchemaChange =>
    change(path, 'move', true, after === undefined ? 'to the front' : `behind ${after}`),
  type: (path: Path, from: IcebergType, to: IcebergType, widened: boolean): SchemaChange =>
    change(path, widened ? 'widen' : 'change-type', widened, `${formatType(from)} → ${formatType(to)}`),
  optional: (path: Path): SchemaChange => change(path, 'make-optional', true, 'NULL is allowed from now on'),
  required: (path: Path): SchemaChange => change(path, 'make-required', false, 'stored rows may hold NULL'),
  doc: (path: Path, doc: string | undefined): SchemaChange => change(path, 'doc', true, doc ?? 'none'),
  writeDefault: (path: Path, json: string): SchemaChange => change(path, 'default', true, `new rows get ${json}`),
  initialDefault: (path: Path, json: string): SchemaChange =>
    change(path, 'default', false, `stored rows without a value get ${json}`),
  identifier: (names: string): SchemaChange => ({
    column: names,
    change: 'identifier',
    class: 'safe',
    detail: 'rows with equal values are the same from now on',
  }),
}

/** Throws PHLO_SCHEMA_BREAKING when a change is not safe; gives back the evolution otherwise. */
export function requireSafe(evolution: SchemaEvolution, table: string): SchemaEvolution {
  const breaking = evolution.changes.filter((change) => change.class === 'breaking')
  if (breaking.length === 0) return evolution
  const list = breaking.map((change) => `${change.column} (${change.change}: ${change.detail})`).join('; ')
  throw new PhloError(
    'PHLO_SCHEMA_BREAKING',
    `The schema of ${table} changed in a way that stored data cannot follow: ${list}`,
    {
      hint: 'Keep the column as it was, make a new one nullable, or write to a table of another name.',
      context: { table, changes: breaking },
    },
  )
}
