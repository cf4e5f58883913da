import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { CatalogChange } from '../catalog-change.js'
import type { TableRequirement } from '../iceberg-model.js'
import {
  type CatalogFixture,
  newTable,
  namespaceOf,
  propertiesOf,
  setProperty,
  propertyOf,
  seed,
  table,
  tableNames,
  usingCatalog,
  withCode,
} from './catalog-cases.js'
import { catalogRaceCases } from './catalog-race-cases.js'
import { catalogViewCases } from './catalog-view-cases.js'
import type { TestRunner } from './runner.js'

/** What every Catalog must do; where it cannot do something, `supports` says so and the suite follows. */
export function catalogContract(name: string, fixture: CatalogFixture, runner: TestRunner): void {
  runner.describe(`Catalog contract: ${name}`, () => {
    const using = usingCatalog(fixture, runner)

    using('starts without namespaces and tables', async (catalog) => {
      assert.deepEqual(await catalog.listNamespaces(), [])
      assert.deepEqual(await catalog.listTables(), [])
      assert.equal(await catalog.loadTable(table('a.t')), undefined)
    })

    using('creates a namespace and a table in it', async (catalog) => {
      await catalog.commit([{ kind: 'create-namespace', namespace: ['a'], properties: { owner: 'me' } }], {
        message: 'ns',
      })
      const { tables } = await catalog.commit([newTable(catalog, table('a.t'))], { message: 'table' })
      const loaded = await catalog.loadTable(table('a.t'))
      assert.deepEqual(loaded, tables[0])
      assert.deepEqual(
        loaded?.metadata.schemas.map((item) => item.fields.map((field) => field.name)),
        [['id']],
      )
      assert.deepEqual(
        (await catalog.listNamespaces()).map(({ namespace }) => namespace),
        [['a']],
      )
      assert.equal((await propertiesOf(catalog, 'a'))?.['owner'], 'me')
      assert.deepEqual(await tableNames(catalog), ['a.t'])
    })

    using('gives every new table a location of its own', async (catalog) => {
      assert.notEqual(catalog.newTableLocation(table('a.t')), catalog.newTableLocation(table('a.t')))
    })

    using('lists by namespace and in order, nested namespaces apart', async (catalog) => {
      if (!catalog.supports.nestedNamespaces) return
      await seed(catalog, [namespaceOf('a'), namespaceOf('a', 'b'), namespaceOf('b')])
      for (const text of ['b.x', 'a.z', 'a.y', 'a.b.x'])
        await catalog.commit([newTable(catalog, table(text))], { message: text })
      assert.deepEqual(await tableNames(catalog, { namespace: ['a'] }), ['a.y', 'a.z'])
      assert.deepEqual(await tableNames(catalog, { namespace: ['a', 'b'] }), ['a.b.x'])
      assert.deepEqual((await tableNames(catalog)).sort(), ['a.b.x', 'a.y', 'a.z', 'b.x'])
      assert.deepEqual(
        (await catalog.listNamespaces()).map(({ namespace }) => namespace.join('.')),
        ['a', 'a.b', 'b'],
      )
    })

    using('refuses what is not there or already there', async (catalog) => {
      await assert.rejects(
        catalog.commit([newTable(catalog, table('none.t'))], { message: '' }),
        withCode('PHLO_NAMESPACE_NOT_FOUND'),
      )
      await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
      await assert.rejects(
        catalog.commit([{ kind: 'create-namespace', namespace: ['a'] }], { message: '' }),
        withCode('PHLO_NAMESPACE_EXISTS'),
      )
      await assert.rejects(
        catalog.commit([newTable(catalog, table('a.t'))], { message: '' }),
        withCode('PHLO_TABLE_EXISTS'),
      )
      await assert.rejects(
        catalog.commit([setProperty(table('a.none'), 'k', 'v')], { message: '' }),
        withCode('PHLO_TABLE_NOT_FOUND'),
      )
      await assert.rejects(
        catalog.commit([{ kind: 'drop-table', identifier: table('a.none') }], { message: '' }),
        withCode('PHLO_TABLE_NOT_FOUND'),
      )
      await assert.rejects(
        catalog.commit([{ kind: 'drop-namespace', namespace: ['a'] }], { message: '' }),
        withCode('PHLO_NAMESPACE_NOT_EMPTY'),
      )
      await assert.rejects(
        catalog.commit([{ kind: 'drop-namespace', namespace: ['none'] }], { message: '' }),
        withCode('PHLO_NAMESPACE_NOT_FOUND'),
      )
    })

    using('takes in a table that exists, by its metadata file', async (catalog) => {
      await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
      const { metadata, metadataLocation } = (await catalog.loadTable(table('a.t'))) ?? assert.fail()
      const register = (text: string, location = metadataLocation) =>
        catalog.commit([{ kind: 'register-table', identifier: table(text), metadataLocation: location }], {
          message: '',
        })
      await assert.rejects(register('a.t'), withCode('PHLO_TABLE_EXISTS'))
      await assert.rejects(register('b.t'), withCode('PHLO_NAMESPACE_NOT_FOUND'))
      await assert.rejects(register('a.u', 'elsewhere://bucket/1.metadata.json'), withCode('PHLO_UNSUPPORTED'))
      await catalog.commit([{ kind: 'drop-table', identifier: table('a.t') }], { message: '' })
      const { tables } = await register('a.again')
      assert.deepEqual(tables, [{ identifier: table('a.again'), metadata, metadataLocation }])
      assert.deepEqual(await catalog.loadTable(table('a.again')), tables[0])
      await catalog.commit([setProperty(table('a.again'), 'k', 'v')], { message: '' })
      assert.equal(await propertyOf(catalog, table('a.again'), 'k'), 'v')
    })

    using('drops tables and then their namespace', async (catalog) => {
      await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
      await catalog.commit([{ kind: 'drop-table', identifier: table('a.t') }], { message: '' })
      assert.equal(await catalog.loadTable(table('a.t')), undefined)
      await catalog.commit([{ kind: 'drop-namespace', namespace: ['a'] }], { message: '' })
      assert.deepEqual(await catalog.listNamespaces(), [])
    })

    using('applies updates and keeps the log of metadata files', async (catalog) => {
      await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
      const before = await catalog.loadTable(table('a.t'))
      await catalog.commit([setProperty(table('a.t'), 'k', 'v')], { message: '' })
      const after = await catalog.loadTable(table('a.t'))
      assert.equal(after?.metadata.properties?.['k'], 'v')
      assert.notEqual(after?.metadataLocation, before?.metadataLocation)
      assert.equal(after?.metadata['metadata-log']?.at(-1)?.['metadata-file'], before?.metadataLocation)
    })

    using('refuses a commit whose requirement does not hold, and changes nothing', async (catalog) => {
      await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
      const wrong: CatalogChange = {
        kind: 'table',
        identifier: table('a.t'),
        requirements: [{ type: 'assert-table-uuid', uuid: randomUUID() }],
        updates: [{ action: 'set-properties', updates: { k: 'v' } }],
      }
      await assert.rejects(catalog.commit([wrong], { message: '' }), withCode('PHLO_COMMIT_CONFLICT'))
      assert.equal(await propertyOf(catalog, table('a.t'), 'k'), undefined)
    })

    using('changes several tables in one commit, all or none', async (catalog) => {
      if (!catalog.supports.multiTableCommit) return
      await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.x')), newTable(catalog, table('a.y'))])
      await assert.rejects(
        catalog.commit([setProperty(table('a.x'), 'k', '1'), setProperty(table('a.none'), 'k', '1')], { message: '' }),
        withCode('PHLO_TABLE_NOT_FOUND'),
      )
      assert.equal(await propertyOf(catalog, table('a.x'), 'k'), undefined)
      await catalog.commit([setProperty(table('a.x'), 'k', '1'), setProperty(table('a.y'), 'k', '1')], { message: '' })
      assert.deepEqual(
        [await propertyOf(catalog, table('a.x'), 'k'), await propertyOf(catalog, table('a.y'), 'k')],
        ['1', '1'],
      )
    })

    using('shows its state to a second client', async (catalog) => {
      if (!fixture.reopen) return
      await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
      const other = await fixture.reopen(catalog)
      try {
        await other.commit([setProperty(table('a.t'), 'k', 'v')], { message: '' })
        assert.equal(await propertyOf(catalog, table('a.t'), 'k'), 'v')
      } finally {
        await other.close()
      }
    })

    using('keeps names with spaces, dots, quotes and letters of all kinds apart', async (catalog) => {
      await seed(catalog, [namespaceOf('my ns')])
      for (const own of ['a b', 'é', '表', "it's", 'UPPER', 'upper']) {
        await catalog.commit([newTable(catalog, { namespace: ['my ns'], name: own })], { message: '' })
        assert.ok(await catalog.loadTable({ namespace: ['my ns'], name: own }), own)
      }
      assert.equal((await catalog.listTables()).length, 6)
    })

    using('sets and removes properties of a namespace', async (catalog) => {
      await catalog.commit([{ kind: 'create-namespace', namespace: ['a'], properties: { owner: 'me', old: '1' } }], {
        message: '',
      })
      const change = (set: Record<string, string>, remove: string[], namespace = ['a']) =>
        catalog.commit([{ kind: 'set-namespace-properties', namespace, set, remove }], { message: '' })
      await change({ owner: 'you', more: 'x' }, ['old', 'never'])
      const { owner, more, old } = (await propertiesOf(catalog, 'a')) ?? assert.fail()
      assert.deepEqual([owner, more, old], ['you', 'x', undefined])
      await assert.rejects(change({ owner: 'x' }, [], ['none']), withCode('PHLO_NAMESPACE_NOT_FOUND'))
      await assert.rejects(change({ owner: 'x' }, ['owner']), withCode('PHLO_UNSUPPORTED'))
      assert.equal((await propertiesOf(catalog, 'a'))?.['owner'], 'you')
    })

    using('leaves a namespace that is there as it is where it is only wanted', async (catalog) => {
      await catalog.commit([{ kind: 'create-namespace', namespace: ['a'], properties: { owner: 'me' } }], {
        message: '',
      })
      await catalog.commit(
        [{ kind: 'create-namespace', namespace: ['a'], properties: { owner: 'you' }, ifNotExists: true }],
        { message: '' },
      )
      assert.equal((await propertiesOf(catalog, 'a'))?.['owner'], 'me')
    })

    using('renames a table within and across namespaces, and refuses names that are taken', async (catalog) => {
      const rename = (from: string, to: string) =>
        catalog.commit([{ kind: 'rename-table', identifier: table(from), to: table(to) }], { message: '' })
      await seed(catalog, [namespaceOf('a'), namespaceOf('b'), newTable(catalog, table('a.t'))])
      if (!catalog.supports.renames) {
        await assert.rejects(rename('a.t', 'b.t'), withCode('PHLO_UNSUPPORTED'))
        return
      }
      await seed(catalog, [newTable(catalog, table('a.other'))])
      const before = (await catalog.loadTable(table('a.t'))) ?? assert.fail()
      const { tables } = await rename('a.t', 'b.u')
      assert.deepEqual(
        tables.map(({ identifier }) => identifier),
        [table('b.u')],
      )
      assert.deepEqual(await tableNames(catalog), ['a.other', 'b.u'])
      const after = (await catalog.loadTable(table('b.u'))) ?? assert.fail()
      assert.equal(after.metadata['table-uuid'], before.metadata['table-uuid'])
      assert.equal(after.metadata.location, before.metadata.location)
      await assert.rejects(rename('b.u', 'a.other'), withCode('PHLO_TABLE_EXISTS'))
      await assert.rejects(rename('a.t', 'a.v'), withCode('PHLO_TABLE_NOT_FOUND'))
      await assert.rejects(rename('b.u', 'none.u'), withCode('PHLO_NAMESPACE_NOT_FOUND'))
      await catalog.commit([setProperty(table('b.u'), 'k', 'v')], { message: '' })
      assert.equal(await propertyOf(catalog, table('b.u'), 'k'), 'v')
    })

    using('refuses every requirement that does not hold, with nothing changed', async (catalog) => {
      await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
      const requirements: TableRequirement[] = [
        { type: 'assert-table-uuid', uuid: randomUUID() },
        { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 7n },
        { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': 99 },
        { type: 'assert-current-schema-id', 'current-schema-id': 99 },
        { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': 9 },
        { type: 'assert-default-spec-id', 'default-spec-id': 9 },
        { type: 'assert-default-sort-order-id', 'default-sort-order-id': 9 },
      ]
      for (const requirement of requirements) {
        const change = { ...setProperty(table('a.t'), 'k', 'v'), requirements: [requirement] } as CatalogChange
        await assert.rejects(
          catalog.commit([change], { message: '' }),
          withCode('PHLO_COMMIT_CONFLICT'),
          requirement.type,
        )
      }
      assert.equal(await propertyOf(catalog, table('a.t'), 'k'), undefined)
    })

    using('mixes changes of every kind in one commit, each on top of those before it', async (catalog) => {
      if (!catalog.supports.mixedCommit) return
      await catalog.commit(
        [
          { kind: 'create-namespace', namespace: ['a'] },
          newTable(catalog, table('a.t')),
          setProperty(table('a.t'), 'k', '1'),
          setProperty(table('a.t'), 'l', '2'),
          newTable(catalog, table('a.gone')),
          { kind: 'drop-table', identifier: table('a.gone') },
        ],
        { message: '' },
      )
      assert.deepEqual(
        [await propertyOf(catalog, table('a.t'), 'k'), await propertyOf(catalog, table('a.t'), 'l')],
        ['1', '2'],
      )
      await assert.rejects(
        catalog.commit([setProperty(table('a.t'), 'k', '3'), { kind: 'create-namespace', namespace: ['a'] }], {
          message: '',
        }),
        withCode('PHLO_NAMESPACE_EXISTS'),
      )
      assert.equal(await propertyOf(catalog, table('a.t'), 'k'), '1')
      assert.deepEqual(await tableNames(catalog), ['a.t'])
    })

    catalogRaceCases(using)
    catalogViewCases(using)
  })
}
