import type { TableIdentifier } from '@phlo/ports'

export const identifier: TableIdentifier = { namespace: ['a', 'b'], name: 't' }

const location = 's3://lake/t'

/** A table's metadata as a server sends it, in its JSON text: snapshot ids are beyond 53 bits. */
export function metadataText(
  options: { readonly properties?: Record<string, string>; readonly snapshots?: readonly string[] } = {},
): string {
  const { properties = {}, snapshots = [] } = options
  const current = snapshots.at(-1)
  const rest = {
    'format-version': 2,
    'table-uuid': '6a1d1e6e-5d0c-4a51-9b3e-2c1b1f8f2d11',
    location,
    'last-sequence-number': snapshots.length,
    'last-updated-ms': 1_700_000_000_000,
    'last-column-id': 1,
    schemas: [{ type: 'struct', 'schema-id': 0, fields: [{ id: 1, name: 'id', required: true, type: 'long' }] }],
    'current-schema-id': 0,
    'partition-specs': [{ 'spec-id': 0, fields: [] }],
    'default-spec-id': 0,
    'last-partition-id': 999,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    'default-sort-order-id': 0,
    properties,
  }
  const list = snapshots.map(
    (id, index) =>
      `{"snapshot-id":${id},"sequence-number":${index + 1},"timestamp-ms":1700000000000,"manifest-list":"${location}/m${index}.avro","summary":{"operation":"append"}}`,
  )
  const ids =
    current === undefined
      ? ''
      : `,"current-snapshot-id":${current},"refs":{"main":{"snapshot-id":${current},"type":"branch"}}`
  return `${JSON.stringify(rest).slice(0, -1)},"snapshots":[${list.join(',')}]${ids}}`
}

/** The answer of a server that loads the table. Source: REST catalog, `LoadTableResult`. */
export function tableText(
  options: Parameters<typeof metadataText>[0] & {
    readonly more?: Readonly<Record<string, unknown>>
    readonly version?: number
  } = {},
): string {
  const { more = {}, version = 1, ...metadata } = options
  const rest = JSON.stringify({ 'metadata-location': `${location}/metadata/${version}.metadata.json`, ...more })
  return `${rest.slice(0, -1)},"metadata":${metadataText(metadata)}}`
}
