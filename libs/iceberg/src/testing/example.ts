import type { IcebergSchema, Snapshot, TableMetadata } from '@phlo/ports'

/** A table of two snapshots, nested types and every kind of partition field. */
export const example: TableMetadata = {
  'format-version': 2,
  'table-uuid': '9c12d441-03fe-4693-9a96-a0705ddf69c1',
  location: 'memory:///tables/example',
  'last-sequence-number': 2,
  'last-updated-ms': 2000,
  'last-column-id': 9,
  schemas: [
    {
      type: 'struct',
      'schema-id': 0,
      fields: [
        { id: 1, name: 'id', required: true, type: 'long' },
        { id: 2, name: 'at', required: false, type: 'timestamptz', doc: 'when' },
        { id: 3, name: 'name', required: false, type: 'string' },
      ],
    },
    {
      type: 'struct',
      'schema-id': 1,
      'identifier-field-ids': [1],
      fields: [
        { id: 1, name: 'id', required: true, type: 'long' },
        { id: 2, name: 'at', required: false, type: 'timestamptz' },
        { id: 3, name: 'name', required: false, type: 'string' },
        {
          id: 4,
          name: 'tags',
          required: false,
          type: { type: 'list', 'element-id': 5, element: 'string', 'element-required': true },
        },
        {
          id: 6,
          name: 'place',
          required: false,
          type: {
            type: 'struct',
            fields: [
              {
                id: 7,
                name: 'counts',
                required: false,
                type: {
                  type: 'map',
                  'key-id': 8,
                  key: 'string',
                  'value-id': 9,
                  value: 'decimal(9, 2)',
                  'value-required': false,
                },
              },
            ],
          },
        },
      ],
    },
  ],
  'current-schema-id': 1,
  'partition-specs': [
    { 'spec-id': 0, fields: [] },
    {
      'spec-id': 1,
      fields: [
        { 'source-id': 2, 'field-id': 1000, name: 'at_day', transform: 'day' },
        { 'source-id': 1, 'field-id': 1001, name: 'id_bucket', transform: 'bucket[4]' },
        { 'source-id': 3, 'field-id': 1002, name: 'name_trunc', transform: 'truncate[2]' },
      ],
    },
  ],
  'default-spec-id': 1,
  'last-partition-id': 1002,
  properties: { 'write.format.default': 'parquet' },
  'current-snapshot-id': 2n,
  snapshots: [
    {
      'snapshot-id': 1n,
      'sequence-number': 1,
      'timestamp-ms': 1000,
      'manifest-list': 'memory:///tables/example/metadata/snap-1.avro',
      summary: { operation: 'append' },
      'schema-id': 0,
    },
    {
      'snapshot-id': 2n,
      'parent-snapshot-id': 1n,
      'sequence-number': 2,
      'timestamp-ms': 2000,
      'manifest-list': 'memory:///tables/example/metadata/snap-2.avro',
      summary: { operation: 'append' },
      'schema-id': 1,
    },
  ],
  'snapshot-log': [
    { 'timestamp-ms': 1000, 'snapshot-id': 1n },
    { 'timestamp-ms': 2000, 'snapshot-id': 2n },
  ],
  'metadata-log': [{ 'timestamp-ms': 1000, 'metadata-file': 'memory:///tables/example/metadata/1.json' }],
  'sort-orders': [
    { 'order-id': 0, fields: [] },
    {
      'order-id': 1,
      fields: [{ transform: 'identity', 'source-id': 1, direction: 'asc', 'null-order': 'nulls-first' }],
    },
  ],
  'default-sort-order-id': 1,
  refs: {
    main: { 'snapshot-id': 2n, type: 'branch' },
    audit: { 'snapshot-id': 1n, type: 'tag', 'max-ref-age-ms': 1000 },
  },
}

/** The same table in format version 3, with everything that this version added. */
export const example3: TableMetadata = {
  ...example,
  'format-version': 3,
  'next-row-id': 120,
  schemas: [
    ...example.schemas.slice(0, 1),
    {
      ...(example.schemas[1] as IcebergSchema),
      fields: (example.schemas[1] as IcebergSchema).fields.map((field) =>
        field.id === 1 ? { ...field, 'initial-default': 2n ** 62n, 'write-default': 7 } : field,
      ),
    },
  ],
  snapshots: [
    ...(example.snapshots as Snapshot[]).slice(0, 1),
    { ...(example.snapshots as Snapshot[])[1]!, 'first-row-id': 100, 'added-rows': 20, 'key-id': 'k1' },
  ],
  statistics: [
    {
      'snapshot-id': 2n,
      'statistics-path': 'memory:///tables/example/metadata/2.stats',
      'file-size-in-bytes': 413,
      'file-footer-size-in-bytes': 42,
      'blob-metadata': [
        {
          type: 'apache-datasketches-theta-v1',
          'snapshot-id': 2n,
          'sequence-number': 2,
          fields: [1],
          properties: { ndv: '5' },
        },
      ],
    },
  ],
  'partition-statistics': [
    {
      'snapshot-id': 2n,
      'statistics-path': 'memory:///tables/example/metadata/2.parquet',
      'file-size-in-bytes': 43,
    },
  ],
  'encryption-keys': [{ 'key-id': 'k1', 'encrypted-key-metadata': 'aWNlYmVyZwo=', properties: { scheme: 'x' } }],
}
