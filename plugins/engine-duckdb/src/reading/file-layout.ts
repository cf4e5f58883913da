import {
  indexById,
  isList,
  isMap,
  isStruct,
  nameMappingProperty,
  parsePrimitive,
  tableNameMapping,
} from '@phlo/iceberg'
import { type IcebergSchema, type IcebergType, type ObjectStore, PhloError, type TableMetadata } from '@phlo/ports'
import { literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { hasIds, withMappedIds } from './name-mapping.js'
import { type FileLayout, momentInNanoseconds, type StoredField } from './stored-fields.js'

/** How the files of a table look that never had another schema. */
function layoutOfSchema(schema: IcebergSchema): FileLayout {
  const ofType = (name: string, id: number, type: IcebergType): StoredField => {
    if (isStruct(type))
      return {
        name,
        id,
        kind: 'struct',
        children: type.fields.map((field) => ofType(field.name, field.id, field.type)),
      }
    if (isList(type)) return { name, id, kind: 'list', children: [ofType('element', type['element-id'], type.element)] }
    if (isMap(type)) {
      const children = [ofType('key', type['key-id'], type.key), ofType('value', type['value-id'], type.value)]
      return { name, id, kind: 'map', children }
    }
    return { name, id, kind: 'value', children: [] }
  }
  return { fields: schema.fields.map((field) => ofType(field.name, field.id, field.type)) }
}

/**
 * Names that every writer stores as they are; for others some use a spelling of their own.
 * Fields of the first schema keep them at every depth.
 */
function hasPlainNames(type: IcebergType): boolean {
  if (isStruct(type))
    return type.fields.every((field) => /^[A-Za-z_]\w*$/.test(field.name) && hasPlainNames(field.type))
  if (isList(type)) return hasPlainNames(type.element)
  return !isMap(type) || (hasPlainNames(type.key) && hasPlainNames(type.value))
}

/** Types that writers store in several ways, or not at all. */
const storedVariously = new Set(['timestamptz_ns', 'unknown', 'variant', 'geometry', 'geography'])

function hasVariousTypes(schema: IcebergSchema): boolean {
  return [...indexById(schema).values()].some(
    ({ field: { type } }) => typeof type === 'string' && storedVariously.has(parsePrimitive(type).kind),
  )
}

/** What is known of immutable files, so that each footer is looked at once. */
const knownLayouts = new WeakMap<ObjectStore, Map<string, FileLayout>>()

/** A layout is shared by many files; one map entry is about 200 bytes. */
const mostKnown = 200_000

/**
 * The layout of each of the local files, in their order. Tables that never had another schema need no look into their
 * files. `always` looks nevertheless.
 */
export async function fileLayouts(
  connection: Connection,
  store: ObjectStore,
  metadata: TableMetadata,
  files: readonly string[],
  always = false,
): Promise<readonly FileLayout[]> {
  const [first, ...others] = metadata.schemas
  const neverChanged =
    metadata['format-version'] > 1 &&
    first?.['schema-id'] === 0 &&
    others.length === 0 &&
    hasPlainNames(first) &&
    !hasVariousTypes(first)
  if (neverChanged && !always && tableNameMapping(metadata) === undefined) {
    const layout = layoutOfSchema(first)
    return files.map(() => layout)
  }
  let known = knownLayouts.get(store)
  if (!known) knownLayouts.set(store, (known = new Map<string, FileLayout>()))
  const found = new Map<string, FileLayout>()
  for (const file of files) {
    const layout = known.get(file)
    if (layout) found.set(file, layout)
  }
  const unknown = files.filter((file) => !found.has(file))
  if (unknown.length > 0) {
    if (known.size + unknown.length > mostKnown) known.clear()
    for (const [file, layout] of await readLayouts(connection, unknown)) {
      known.set(file, layout)
      found.set(file, layout)
    }
  }
  const mapping = tableNameMapping(metadata)
  const mapped = new Map<FileLayout, FileLayout>()
  return files.map((file) => {
    const layout = found.get(file)
    if (!layout) throw new PhloError('PHLO_INTERNAL', `DuckDB told nothing of the file ${file}`)
    if (hasIds(layout.fields)) return layout
    if (!mapping) throw withoutIds(file)
    const named = mapped.get(layout) ?? withMappedIds(layout, mapping)
    mapped.set(layout, named)
    return named
  })
}

function withoutIds(file: string): PhloError {
  return new PhloError(
    'PHLO_ICEBERG_UNSUPPORTED',
    `The columns of ${file} have no field ids, and the table has no name mapping that tells what they are`,
    { hint: `Set the table property ${nameMappingProperty}.` },
  )
}

/** A node of a Parquet schema, as `parquet_schema` gives it, in the order of a walk from the root. */
interface SchemaNode {
  readonly name: string
  readonly id: number | null
  readonly children: string | null
  readonly converted: string | null
  readonly logical: string | null
  readonly repetition: string | null
  readonly type: string | null
}

async function readLayouts(connection: Connection, files: readonly string[]): Promise<Map<string, FileLayout>> {
  const rows = await connection.run(
    `SELECT list(file_name) AS files, nodes FROM (
       SELECT file_name, list({'name': name, 'id': field_id::INTEGER, 'children': num_children::VARCHAR, 'converted': converted_type,
         'logical': logical_type, 'repetition': repetition_type, 'type': duckdb_type} ORDER BY column_id) AS nodes
       FROM parquet_schema([${files.map(literal).join(', ')}]) GROUP BY file_name
     ) GROUP BY nodes`,
  )
  const layouts = new Map<string, FileLayout>()
  for (const row of rows) {
    const nodes = row['nodes'] as unknown as SchemaNode[]
    const layout = { fields: new NodeReader(nodes).root() }
    for (const file of row['files'] as string[]) layouts.set(file, layout)
  }
  return layouts
}

/** DuckDB's name for the type of values that it reads, which is not always what `parquet_schema` gives. */
function valueType({ type, logical }: SchemaNode): string | null {
  if (/^Geo(metry|graphy)Type/.test(logical ?? '')) return 'GEOMETRY'
  return /^TimestampType\(isAdjustedToUTC=1.*NANOS=NanoSeconds/.test(logical ?? '') ? momentInNanoseconds : type
}

/** Makes a tree of what Parquet lists from top to bottom. */
class NodeReader {
  private readonly nodes: readonly SchemaNode[]
  private position = 0

  constructor(nodes: readonly SchemaNode[]) {
    this.nodes = nodes
  }

  root(): StoredField[] {
    const root = this.next()
    return Array.from({ length: Number(root.children ?? 0) }, () => this.field())
  }

  private next(): SchemaNode {
    const node = this.nodes[this.position++]
    if (!node) throw new PhloError('PHLO_ICEBERG_INVALID', 'A Parquet file’s schema ends too early')
    return node
  }

  private field(): StoredField {
    const node = this.next()
    const base = { name: node.name, ...(node.id !== null && { id: node.id }) }
    const own = this.ofNode(node)
    // Old writers have lists that are nothing but a repeated field.
    return node.repetition === 'REPEATED'
      ? { ...base, kind: 'list', children: [{ ...base, ...own }] }
      : { ...base, ...own }
  }

  private ofNode(node: SchemaNode): Pick<StoredField, 'kind' | 'type' | 'children'> {
    const count = Number(node.children ?? 0)
    if (count === 0) {
      const type = valueType(node)
      return { kind: 'value', ...(type !== null && { type }), children: [] }
    }
    if (count === 1 && (node.converted === 'LIST' || /^List/i.test(node.logical ?? '')))
      return { kind: 'list', children: [this.element(node.name)] }
    if (count === 1 && (/^MAP/.test(node.converted ?? '') || /^Map/i.test(node.logical ?? ''))) {
      const entries = this.next()
      return { kind: 'map', children: Array.from({ length: Number(entries.children ?? 0) }, () => this.field()) }
    }
    return { kind: 'struct', children: Array.from({ length: count }, () => this.field()) }
  }

  /** Parquet's own rules for lists of two and of three levels. */
  private element(list: string): StoredField {
    const repeated = this.next()
    if (Number(repeated.children ?? 0) === 1 && repeated.name !== 'array' && repeated.name !== `${list}_tuple`)
      return this.field()
    return { name: repeated.name, ...(repeated.id !== null && { id: repeated.id }), ...this.ofNode(repeated) }
  }
}
