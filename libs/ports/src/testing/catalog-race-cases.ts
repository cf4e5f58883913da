import assert from 'node:assert/strict'
import type { CatalogChange } from '../catalog-change.js'
import { isPhloError } from '../errors.js'
import {
  newTable,
  namespaceOf,
  setProperty,
  propertyOf,
  schema,
  seed,
  table,
  type UsingCatalog,
} from './catalog-cases.js'

/** Commits that meet each other. */
export function catalogRaceCases(using: UsingCatalog): void {
  using('lets exactly one of many racing creators win', async (catalog) => {
    await seed(catalog, [namespaceOf('a')])
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => catalog.commit([newTable(catalog, table('a.t'))], { message: '' })),
    )
    const lost = results.filter((result) => result.status === 'rejected')
    assert.equal(lost.length, 7)
    for (const { reason } of lost)
      assert.ok(isPhloError(reason, 'PHLO_TABLE_EXISTS') || isPhloError(reason, 'PHLO_COMMIT_CONFLICT'))
  })

  using('lets exactly one of many racing commits on one state win', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    const attempt = (index: number): CatalogChange => ({
      kind: 'table',
      identifier: table('a.t'),
      requirements: [{ type: 'assert-current-schema-id', 'current-schema-id': 0 }],
      updates: [
        {
          action: 'add-schema',
          schema: {
            ...schema,
            fields: [...schema.fields, { id: 2, name: `c${index}`, required: false, type: 'string' }],
          },
        },
        { action: 'set-current-schema', 'schema-id': -1 },
      ],
    })
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => catalog.commit([attempt(index)], { message: '' })),
    )
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1)
    for (const result of results) {
      if (result.status === 'rejected')
        assert.ok(isPhloError(result.reason, 'PHLO_COMMIT_CONFLICT'), String(result.reason))
    }
    assert.equal((await catalog.loadTable(table('a.t')))?.metadata.schemas.length, 2)
  })

  using('loses no racing commit to different tables', async (catalog) => {
    const tables = Array.from({ length: 6 }, (_, index) => table(`a.t${index}`))
    await seed(catalog, [namespaceOf('a'), ...tables.map((identifier) => newTable(catalog, identifier))])
    await Promise.all(
      tables.map((identifier) => catalog.commit([setProperty(identifier, 'k', identifier.name)], { message: '' })),
    )
    const values = await Promise.all(tables.map((identifier) => propertyOf(catalog, identifier, 'k')))
    assert.deepEqual(
      values,
      tables.map(({ name: own }) => own),
    )
  })
}
