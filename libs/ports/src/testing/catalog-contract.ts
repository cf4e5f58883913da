import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { CatalogChange } from '../catalog-change.js'
import type { Catalog } from '../catalog.js'
import { isPhloError } from '../errors.js'
import type { TableUpdate } from '../iceberg-model.js'
import { formatIdentifier, parseIdentifier, type TableIdentifier } from '../table-identifier.js'
import { isVersioned, type VersionedCatalog } from '../versioned-catalog.js'
import type { TestRunner } from './runner.js'

function withCode(code: string) {
  return (error: unknown) => isPhloError(error, code)
}

function table(text: string): TableIdentifier {
  const identifier = parseIdentifier(text)
  assert.ok(identifier)
  return identifier
}

const schema = {
  type: 'struct',
  'schema-id': 0,
  fields: [{ id: 1, name: 'id', required: true, type: 'long' }],
} as const

/** The change that makes a small table without data. */
function creation(catalog: Catalog, identifier: TableIdentifier): CatalogChange {
  const updates: TableUpdate[] = [
    { action: 'assign-uuid', uuid: randomUUID() },
    { action: 'upgrade-format-version', 'format-version': 2 },
    { action: 'set-location', location: catalog.newTableLocation(identifier) },
    { action: 'add-schema', schema },
    { action: 'set-current-schema', 'schema-id': -1 },
    { action: 'add-spec', spec: { 'spec-id': 0, fields: [] } },
    { action: 'set-default-spec', 'spec-id': -1 },
    { action: 'add-sort-order', 'sort-order': { 'order-id': 0, fields: [] } },
    { action: 'set-default-sort-order', 'sort-order-id': -1 },
  ]
  return { kind: 'table', identifier, requirements: [{ type: 'assert-create' }], updates }
}

/** The change that sets a property, whatever the table's state. */
function property(identifier: TableIdentifier, key: string, value: string): CatalogChange {
  return {
    kind: 'table',
    identifier,
    requirements: [],
    updates: [{ action: 'set-properties', updates: { [key]: value } }],
  }
}

const namespaceOf = (...namespace: string[]): CatalogChange => ({
  kind: 'create-namespace',
  namespace,
  ifNotExists: true,
})

async function propertyOf(
  catalog: Catalog,
  identifier: TableIdentifier,
  key: string,
  ref?: string,
): Promise<string | undefined> {
  const loaded = await catalog.loadTable(identifier, ref === undefined ? {} : { ref })
  return loaded?.metadata.properties?.[key]
}

async function names(catalog: Catalog, options: { ref?: string; namespace?: string[] } = {}): Promise<string[]> {
  return (await catalog.listTables(options)).map(formatIdentifier)
}

/**
 * What every Catalog must do; where `supports.refs`, what every VersionedCatalog must do as well.
 * `create` gives a fresh, empty catalog each time; `reopen`, where there is one, a second client of the same catalog.
 */
export function catalogContract(
  name: string,
  options: { readonly create: () => Promise<Catalog>; readonly reopen?: (catalog: Catalog) => Promise<Catalog> },
  { describe, it }: TestRunner,
): void {
  describe(`Catalog contract: ${name}`, () => {
    const using = (title: string, body: (catalog: Catalog) => Promise<void>) =>
      it(title, async () => {
        const catalog = await options.create()
        try {
          await body(catalog)
        } finally {
          await catalog.close()
        }
      })
    /** Skipped, by what the catalog says of itself, where there are no refs. */
    const versioned = (title: string, body: (catalog: VersionedCatalog) => Promise<void>) =>
      using(title, async (catalog) => {
        if (isVersioned(catalog)) await body(catalog)
      })

    using('starts without namespaces and tables', async (catalog) => {
      assert.deepEqual(await catalog.listNamespaces(), [])
      assert.deepEqual(await catalog.listTables(), [])
      assert.equal(await catalog.loadTable(table('a.t')), undefined)
    })

    using('creates a namespace and a table in it', async (catalog) => {
      await catalog.commit([{ kind: 'create-namespace', namespace: ['a'], properties: { owner: 'me' } }], {
        message: 'ns',
      })
      const { tables } = await catalog.commit([creation(catalog, table('a.t'))], { message: 'table' })
      const loaded = await catalog.loadTable(table('a.t'))
      assert.deepEqual(loaded, tables[0])
      assert.deepEqual(
        loaded?.metadata.schemas.map((item) => item.fields.map((field) => field.name)),
        [['id']],
      )
      assert.deepEqual(await catalog.listNamespaces(), [{ namespace: ['a'], properties: { owner: 'me' } }])
      assert.deepEqual(await names(catalog), ['a.t'])
    })

    using('gives every new table a location of its own', async (catalog) => {
      assert.notEqual(catalog.newTableLocation(table('a.t')), catalog.newTableLocation(table('a.t')))
    })

    using('lists by namespace and in order, nested namespaces apart', async (catalog) => {
      await catalog.commit([namespaceOf('a'), namespaceOf('a', 'b'), namespaceOf('b')], { message: 'ns' })
      for (const text of ['b.x', 'a.z', 'a.y', 'a.b.x'])
        await catalog.commit([creation(catalog, table(text))], { message: text })
      assert.deepEqual(await names(catalog, { namespace: ['a'] }), ['a.y', 'a.z'])
      assert.deepEqual(await names(catalog, { namespace: ['a', 'b'] }), ['a.b.x'])
      assert.deepEqual((await names(catalog)).sort(), ['a.b.x', 'a.y', 'a.z', 'b.x'])
      assert.deepEqual(
        (await catalog.listNamespaces()).map(({ namespace }) => namespace.join('.')),
        ['a', 'a.b', 'b'],
      )
    })

    using('refuses what is not there or already there', async (catalog) => {
      await assert.rejects(
        catalog.commit([creation(catalog, table('none.t'))], { message: '' }),
        withCode('PHLO_NAMESPACE_NOT_FOUND'),
      )
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
      await assert.rejects(
        catalog.commit([{ kind: 'create-namespace', namespace: ['a'] }], { message: '' }),
        withCode('PHLO_NAMESPACE_EXISTS'),
      )
      await assert.rejects(
        catalog.commit([creation(catalog, table('a.t'))], { message: '' }),
        withCode('PHLO_TABLE_EXISTS'),
      )
      await assert.rejects(
        catalog.commit([property(table('a.none'), 'k', 'v')], { message: '' }),
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
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
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
      await catalog.commit([property(table('a.again'), 'k', 'v')], { message: '' })
      assert.equal(await propertyOf(catalog, table('a.again'), 'k'), 'v')
    })

    using('drops tables and then their namespace', async (catalog) => {
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
      await catalog.commit([{ kind: 'drop-table', identifier: table('a.t') }], { message: '' })
      assert.equal(await catalog.loadTable(table('a.t')), undefined)
      await catalog.commit([{ kind: 'drop-namespace', namespace: ['a'] }], { message: '' })
      assert.deepEqual(await catalog.listNamespaces(), [])
    })

    using('applies updates and keeps the log of metadata files', async (catalog) => {
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
      const before = await catalog.loadTable(table('a.t'))
      await catalog.commit([property(table('a.t'), 'k', 'v')], { message: '' })
      const after = await catalog.loadTable(table('a.t'))
      assert.equal(after?.metadata.properties?.['k'], 'v')
      assert.notEqual(after?.metadataLocation, before?.metadataLocation)
      assert.equal(after?.metadata['metadata-log']?.at(-1)?.['metadata-file'], before?.metadataLocation)
    })

    using('refuses a commit whose requirement does not hold, and changes nothing', async (catalog) => {
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
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
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.x')), creation(catalog, table('a.y'))], {
        message: '',
      })
      await assert.rejects(
        catalog.commit([property(table('a.x'), 'k', '1'), property(table('a.none'), 'k', '1')], { message: '' }),
        withCode('PHLO_TABLE_NOT_FOUND'),
      )
      assert.equal(await propertyOf(catalog, table('a.x'), 'k'), undefined)
      await catalog.commit([property(table('a.x'), 'k', '1'), property(table('a.y'), 'k', '1')], { message: '' })
      assert.deepEqual(
        [await propertyOf(catalog, table('a.x'), 'k'), await propertyOf(catalog, table('a.y'), 'k')],
        ['1', '1'],
      )
    })

    using('lets exactly one of many racing creators win', async (catalog) => {
      await catalog.commit([namespaceOf('a')], { message: '' })
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, () => catalog.commit([creation(catalog, table('a.t'))], { message: '' })),
      )
      const lost = results.filter((result) => result.status === 'rejected')
      assert.equal(lost.length, 7)
      for (const { reason } of lost)
        assert.ok(isPhloError(reason, 'PHLO_TABLE_EXISTS') || isPhloError(reason, 'PHLO_COMMIT_CONFLICT'))
    })

    using('lets exactly one of many racing commits on one state win', async (catalog) => {
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
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
      await catalog.commit([namespaceOf('a'), ...tables.map((identifier) => creation(catalog, identifier))], {
        message: '',
      })
      await Promise.all(
        tables.map((identifier) => catalog.commit([property(identifier, 'k', identifier.name)], { message: '' })),
      )
      const values = await Promise.all(tables.map((identifier) => propertyOf(catalog, identifier, 'k')))
      assert.deepEqual(
        values,
        tables.map(({ name: own }) => own),
      )
    })

    using('shows its state to a second client', async (catalog) => {
      if (!options.reopen) return
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
      const other = await options.reopen(catalog)
      try {
        await other.commit([property(table('a.t'), 'k', 'v')], { message: '' })
        assert.equal(await propertyOf(catalog, table('a.t'), 'k'), 'v')
      } finally {
        await other.close()
      }
    })

    using('keeps names with spaces, dots, quotes and letters of all kinds apart', async (catalog) => {
      await catalog.commit([namespaceOf('my ns')], { message: '' })
      for (const own of ['a b', 'é', '表', "it's", 'UPPER', 'upper']) {
        await catalog.commit([creation(catalog, { namespace: ['my ns'], name: own })], { message: '' })
        assert.ok(await catalog.loadTable({ namespace: ['my ns'], name: own }), own)
      }
      assert.equal((await catalog.listTables()).length, 6)
    })

    versioned('has a main branch from the start, which cannot be deleted', async (catalog) => {
      assert.deepEqual(
        (await catalog.listRefs()).map(({ name: own, type }) => ({ own, type })),
        [{ own: 'main', type: 'branch' }],
      )
      await assert.rejects(catalog.deleteRef('main'), withCode('PHLO_REF_INVALID'))
    })

    versioned('isolates a branch from main and main from a branch', async (catalog) => {
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
      await catalog.createRef('dev')
      await catalog.commit([property(table('a.t'), 'on', 'dev'), creation(catalog, table('a.new'))], {
        message: '',
        ref: 'dev',
      })
      await catalog.commit([property(table('a.t'), 'on', 'main')], { message: '' })
      assert.deepEqual(
        [await propertyOf(catalog, table('a.t'), 'on'), await propertyOf(catalog, table('a.t'), 'on', 'dev')],
        ['main', 'dev'],
      )
      assert.deepEqual([await names(catalog), await names(catalog, { ref: 'dev' })], [['a.t'], ['a.new', 'a.t']])
    })

    versioned('gives refs back as they were made, and refuses doubles and wrong names', async (catalog) => {
      const head = await catalog.getRef('main')
      const made = await catalog.createRef('team/dev-1')
      assert.deepEqual(made, { name: 'team/dev-1', type: 'branch', commit: head?.commit, protected: false })
      assert.deepEqual(await catalog.getRef('team/dev-1'), made)
      assert.equal(await catalog.getRef('none'), undefined)
      await assert.rejects(catalog.createRef('team/dev-1'), withCode('PHLO_REF_EXISTS'))
      await assert.rejects(catalog.createRef('x', { from: 'none' }), withCode('PHLO_REF_NOT_FOUND'))
      for (const wrong of ['', 'a b', '../x', '/x', 'x/', 'a//b', 'a..b']) {
        await assert.rejects(catalog.createRef(wrong), withCode('PHLO_REF_INVALID'), wrong)
      }
    })

    versioned('reads at a tag and at a commit, and commits to neither', async (catalog) => {
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
      const { commit } = await catalog.commit([property(table('a.t'), 'k', '1')], { message: '' })
      await catalog.createRef('v1', { type: 'tag' })
      await catalog.commit([property(table('a.t'), 'k', '2')], { message: '' })
      assert.deepEqual(
        await Promise.all(['v1', commit as string, 'main'].map((ref) => propertyOf(catalog, table('a.t'), 'k', ref))),
        ['1', '1', '2'],
      )
      await assert.rejects(
        catalog.commit([property(table('a.t'), 'k', '3')], { message: '', ref: 'v1' }),
        withCode('PHLO_REF_INVALID'),
      )
      await assert.rejects(
        catalog.commit([property(table('a.t'), 'k', '3')], { message: '', ref: 'none' }),
        withCode('PHLO_REF_NOT_FOUND'),
      )
      await assert.rejects(catalog.loadTable(table('a.t'), { ref: 'none' }), withCode('PHLO_REF_NOT_FOUND'))
    })

    versioned('deletes a branch, and makes one of the same name again', async (catalog) => {
      const first = await catalog.createRef('dev')
      await catalog.commit([namespaceOf('a')], { message: '', ref: 'dev' })
      await assert.rejects(catalog.deleteRef('dev', { expected: first.commit }), withCode('PHLO_COMMIT_CONFLICT'))
      await catalog.deleteRef('dev')
      assert.equal(await catalog.getRef('dev'), undefined)
      await assert.rejects(catalog.deleteRef('dev'), withCode('PHLO_REF_NOT_FOUND'))
      await catalog.createRef('dev')
      assert.deepEqual(await catalog.listNamespaces({ ref: 'dev' }), [])
    })

    versioned('merges a branch in one commit that its history shows', async (catalog) => {
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
      const before = await catalog.getRef('main')
      await catalog.createRef('dev')
      await catalog.commit([property(table('a.t'), 'k', '1')], { message: 'one', ref: 'dev' })
      await catalog.commit([creation(catalog, table('a.u'))], { message: 'two', ref: 'dev' })
      const dry = await catalog.merge('dev', 'main', { dryRun: true })
      const expected = [
        { identifier: table('a.t'), change: 'changed', outcome: 'taken' },
        { identifier: table('a.u'), change: 'added', outcome: 'taken' },
      ]
      assert.deepEqual([dry.tables, dry.fastForward, dry.commit], [expected, true, before?.commit])
      assert.equal((await catalog.getRef('main'))?.commit, before?.commit)
      const result = await catalog.merge('dev', 'main', {
        message: 'publish',
        properties: { run: '7' },
        author: 'tester',
      })
      assert.deepEqual(result.tables, expected)
      assert.equal((await catalog.getRef('main'))?.commit, result.commit)
      assert.deepEqual(await names(catalog), ['a.t', 'a.u'])
      const log = []
      for await (const commit of catalog.log('main', { limit: 2 })) log.push(commit)
      assert.deepEqual(
        { message: log[0]?.message, author: log[0]?.author, run: log[0]?.properties['run'], next: log[1]?.id },
        { message: 'publish', author: 'tester', run: '7', next: before?.commit },
      )
    })

    versioned('merges what different tables got on both sides', async (catalog) => {
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.x')), creation(catalog, table('a.y'))], {
        message: '',
      })
      await catalog.createRef('dev')
      await catalog.commit([property(table('a.x'), 'k', 'dev')], { message: '', ref: 'dev' })
      await catalog.commit([property(table('a.y'), 'k', 'main')], { message: '' })
      await catalog.merge('dev', 'main')
      assert.deepEqual(
        [await propertyOf(catalog, table('a.x'), 'k'), await propertyOf(catalog, table('a.y'), 'k')],
        ['dev', 'main'],
      )
    })

    versioned('refuses to merge when both sides changed a table, and says which', async (catalog) => {
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.x')), creation(catalog, table('a.y'))], {
        message: '',
      })
      await catalog.createRef('dev')
      await catalog.commit([property(table('a.x'), 'k', 'dev'), property(table('a.y'), 'k', 'dev')], {
        message: '',
        ref: 'dev',
      })
      await catalog.commit([property(table('a.x'), 'k', 'main')], { message: '' })
      const before = await catalog.getRef('main')
      assert.deepEqual(
        (await catalog.merge('dev', 'main', { dryRun: true })).tables
          .filter(({ outcome }) => outcome === 'conflict')
          .map(({ identifier }) => identifier),
        [table('a.x')],
      )
      await assert.rejects(catalog.merge('dev', 'main'), (error: unknown) => {
        assert.ok(isPhloError(error, 'PHLO_MERGE_CONFLICT'))
        assert.deepEqual(error.context['tables'], ['a.x'])
        return true
      })
      assert.deepEqual(await catalog.getRef('main'), before)
    })

    versioned('merges nothing twice', async (catalog) => {
      await catalog.createRef('dev')
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '', ref: 'dev' })
      const first = await catalog.merge('dev', 'main')
      const second = await catalog.merge('dev', 'main')
      assert.deepEqual([second.commit, second.tables], [first.commit, []])
    })

    versioned('goes on merging a branch that lives on', async (catalog) => {
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
      await catalog.createRef('dev')
      for (const round of ['1', '2', '3']) {
        await catalog.commit([property(table('a.t'), 'k', round)], { message: '', ref: 'dev' })
        await catalog.merge('dev', 'main')
        assert.equal(await propertyOf(catalog, table('a.t'), 'k'), round)
      }
    })

    versioned('refuses a merge into a target that is not the one looked at', async (catalog) => {
      const seen = await catalog.getRef('main')
      await catalog.createRef('dev')
      await catalog.commit([namespaceOf('b')], { message: '', ref: 'dev' })
      await catalog.commit([namespaceOf('a')], { message: '' })
      await assert.rejects(
        catalog.merge('dev', 'main', { expectedTarget: seen?.commit ?? '' }),
        withCode('PHLO_COMMIT_CONFLICT'),
      )
    })

    versioned('tells what differs between two refs', async (catalog) => {
      await catalog.commit(
        [
          namespaceOf('a'),
          creation(catalog, table('a.x')),
          creation(catalog, table('a.y')),
          creation(catalog, table('a.z')),
        ],
        { message: '' },
      )
      await catalog.createRef('dev')
      await catalog.commit(
        [
          property(table('a.x'), 'k', 'v'),
          { kind: 'drop-table', identifier: table('a.y') },
          creation(catalog, table('a.new')),
        ],
        { message: '', ref: 'dev' },
      )
      assert.deepEqual(
        (await catalog.diff('main', 'dev')).tables.map(({ identifier, change }) => ({ identifier, change })),
        [
          { identifier: table('a.new'), change: 'added' },
          { identifier: table('a.x'), change: 'changed' },
          { identifier: table('a.y'), change: 'removed' },
        ],
      )
      assert.deepEqual(await catalog.diff('dev', 'dev'), { tables: [], views: [], namespaces: [] })
    })

    versioned('finds the commit at which a branch stood', async (catalog) => {
      await catalog.commit([namespaceOf('a'), creation(catalog, table('a.t'))], { message: '' })
      const before = await catalog.getRef('main')
      await new Promise((resolve) => setTimeout(resolve, 20))
      const between = new Date()
      await new Promise((resolve) => setTimeout(resolve, 20))
      await catalog.createRef('dev')
      await catalog.commit([property(table('a.t'), 'k', 'v')], { message: '', ref: 'dev' })
      await catalog.merge('dev', 'main')
      assert.equal(await catalog.commitAt('main', between), before?.commit)
      assert.equal(await catalog.commitAt('main', new Date()), (await catalog.getRef('main'))?.commit)
    })
  })
}
