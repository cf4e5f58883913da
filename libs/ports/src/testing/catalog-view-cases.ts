import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  newTable,
  namespaceOf,
  queriesOf,
  queryOf,
  seed,
  table,
  type UsingCatalog,
  viewCreation,
  viewNames,
  viewReplacement,
  withCode,
} from './catalog-cases.js'

/** Views, where the catalog has them. */
export function catalogViewCases(using: UsingCatalog): void {
  using('has no views where it does not support them', async (catalog) => {
    if (catalog.supports.views) return
    await seed(catalog, [namespaceOf('a')])
    await assert.rejects(
      catalog.commit([viewCreation(catalog, table('a.v'), 'select 1')], { message: '' }),
      withCode('PHLO_UNSUPPORTED'),
    )
    assert.deepEqual([await catalog.listViews(), await catalog.loadView(table('a.v'))], [[], undefined])
  })

  const withViews: UsingCatalog = (title, body) =>
    using(title, async (catalog) => {
      if (catalog.supports.views) await body(catalog)
    })

  withViews('creates, replaces and drops a view, and keeps its versions', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), namespaceOf('b')])
    const { views, tables } = await catalog.commit([viewCreation(catalog, table('a.v'), 'select 1 id')], {
      message: '',
    })
    assert.deepEqual([views[0], tables], [await catalog.loadView(table('a.v')), []])
    assert.equal(await queryOf(catalog, table('a.v')), 'select 1 id')
    const before = await catalog.loadView(table('a.v'))
    await catalog.commit([viewReplacement(table('a.v'), 'select 2 id')], { message: '' })
    const after = await catalog.loadView(table('a.v'))
    assert.equal(await queryOf(catalog, table('a.v')), 'select 2 id')
    assert.deepEqual(await queriesOf(catalog, table('a.v')), ['select 1 id', 'select 2 id'])
    assert.equal(after?.metadata['view-uuid'], before?.metadata['view-uuid'])
    assert.notEqual(after?.metadataLocation, before?.metadataLocation)
    await catalog.commit([{ kind: 'drop-view', identifier: table('a.v') }], { message: '' })
    assert.equal(await catalog.loadView(table('a.v')), undefined)
  })

  withViews('lists views apart from tables, by namespace and in order', async (catalog) => {
    await seed(catalog, [
      namespaceOf('a'),
      namespaceOf('b'),
      newTable(catalog, table('a.t')),
      viewCreation(catalog, table('a.z'), 'select 1'),
      viewCreation(catalog, table('a.y'), 'select 1'),
      viewCreation(catalog, table('b.x'), 'select 1'),
    ])
    assert.deepEqual(await viewNames(catalog, { namespace: ['a'] }), ['a.y', 'a.z'])
    assert.deepEqual(await viewNames(catalog), ['a.y', 'a.z', 'b.x'])
    assert.deepEqual(await catalog.listTables(), [table('a.t')])
    assert.equal(await catalog.loadTable(table('a.y')), undefined)
    assert.equal(await catalog.loadView(table('a.t')), undefined)
  })

  withViews('refuses views that are not there or already there, and names that tables have', async (catalog) => {
    await seed(catalog, [
      namespaceOf('a'),
      newTable(catalog, table('a.t')),
      viewCreation(catalog, table('a.v'), 'select 1'),
    ])
    const refused = async (change: Parameters<typeof catalog.commit>[0][number], code: string) =>
      assert.rejects(catalog.commit([change], { message: '' }), withCode(code))
    await refused(viewCreation(catalog, table('a.v'), 'select 2'), 'PHLO_VIEW_EXISTS')
    await refused(viewCreation(catalog, table('a.t'), 'select 2'), 'PHLO_TABLE_EXISTS')
    await refused(newTable(catalog, table('a.v')), 'PHLO_VIEW_EXISTS')
    await refused(viewCreation(catalog, table('none.v'), 'select 2'), 'PHLO_NAMESPACE_NOT_FOUND')
    await refused(viewReplacement(table('a.none'), 'select 2'), 'PHLO_VIEW_NOT_FOUND')
    await refused(viewReplacement(table('a.t'), 'select 2'), 'PHLO_VIEW_NOT_FOUND')
    await refused({ kind: 'drop-view', identifier: table('a.none') }, 'PHLO_VIEW_NOT_FOUND')
    await refused({ kind: 'drop-view', identifier: table('a.t') }, 'PHLO_VIEW_NOT_FOUND')
    await refused({ kind: 'drop-table', identifier: table('a.v') }, 'PHLO_TABLE_NOT_FOUND')
    await refused({ kind: 'drop-namespace', namespace: ['a'] }, 'PHLO_NAMESPACE_NOT_EMPTY')
    const stale = { type: 'assert-view-uuid' as const, uuid: randomUUID() }
    await refused(
      { ...viewReplacement(table('a.v'), 'x'), kind: 'view', requirements: [stale] } as never,
      'PHLO_COMMIT_CONFLICT',
    )
    assert.equal(await queryOf(catalog, table('a.v')), 'select 1')
  })

  withViews('renames a view, and refuses names that are taken', async (catalog) => {
    if (!catalog.supports.renames) return
    await seed(catalog, [
      namespaceOf('a'),
      namespaceOf('b'),
      newTable(catalog, table('a.t')),
      viewCreation(catalog, table('a.v'), 'select 1'),
    ])
    const rename = (from: string, to: string) =>
      catalog.commit([{ kind: 'rename-view', identifier: table(from), to: table(to) }], { message: '' })
    const { views } = await rename('a.v', 'b.w')
    assert.deepEqual(
      views.map(({ identifier }) => identifier),
      [table('b.w')],
    )
    assert.deepEqual([await viewNames(catalog), await queryOf(catalog, table('b.w'))], [['b.w'], 'select 1'])
    await assert.rejects(rename('b.w', 'a.t'), withCode('PHLO_TABLE_EXISTS'))
    await assert.rejects(rename('a.v', 'a.x'), withCode('PHLO_VIEW_NOT_FOUND'))
    await assert.rejects(rename('b.w', 'none.x'), withCode('PHLO_NAMESPACE_NOT_FOUND'))
  })
}
