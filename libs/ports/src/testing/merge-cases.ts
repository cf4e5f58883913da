import assert from 'node:assert/strict'
import { isPhloError } from '../errors.js'
import type { VersionedCatalog } from '../versioned-catalog.js'
import {
  newTable,
  namespaceOf,
  propertiesOf,
  setProperty,
  propertyOf,
  queryOf,
  seed,
  table,
  tableNames,
  type UsingCatalog,
  viewCreation,
  viewReplacement,
  withCode,
} from './catalog-cases.js'

/** Merges, cherry-picks and reverts. */
export function mergeCases(using: UsingCatalog<VersionedCatalog>): void {
  using('merges a branch in one commit that its history shows', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    const before = await catalog.getRef('main')
    await catalog.createRef('dev')
    await catalog.commit([setProperty(table('a.t'), 'k', '1')], { message: 'one', ref: 'dev' })
    await catalog.commit([newTable(catalog, table('a.u'))], { message: 'two', ref: 'dev' })
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
    assert.deepEqual(await tableNames(catalog), ['a.t', 'a.u'])
    const log = []
    for await (const commit of catalog.log('main', { limit: 2 })) log.push(commit)
    assert.deepEqual(
      { message: log[0]?.message, author: log[0]?.author, run: log[0]?.properties['run'], next: log[1]?.id },
      { message: 'publish', author: 'tester', run: '7', next: before?.commit },
    )
  })

  using('merges what different tables got on both sides', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.x')), newTable(catalog, table('a.y'))])
    await catalog.createRef('dev')
    await catalog.commit([setProperty(table('a.x'), 'k', 'dev')], { message: '', ref: 'dev' })
    await catalog.commit([setProperty(table('a.y'), 'k', 'main')], { message: '' })
    await catalog.merge('dev', 'main')
    assert.deepEqual(
      [await propertyOf(catalog, table('a.x'), 'k'), await propertyOf(catalog, table('a.y'), 'k')],
      ['dev', 'main'],
    )
  })

  using('refuses to merge when both sides changed a table, and says which', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.x')), newTable(catalog, table('a.y'))])
    await catalog.createRef('dev')
    await seed(catalog, [setProperty(table('a.x'), 'k', 'dev'), setProperty(table('a.y'), 'k', 'dev')], 'dev')
    await catalog.commit([setProperty(table('a.x'), 'k', 'main')], { message: '' })
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

  using('merges nothing twice', async (catalog) => {
    await catalog.createRef('dev')
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))], 'dev')
    const first = await catalog.merge('dev', 'main')
    const second = await catalog.merge('dev', 'main')
    assert.deepEqual([second.commit, second.tables], [first.commit, []])
  })

  using('goes on merging a branch that lives on', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    await catalog.createRef('dev')
    for (const round of ['1', '2', '3']) {
      await catalog.commit([setProperty(table('a.t'), 'k', round)], { message: '', ref: 'dev' })
      await catalog.merge('dev', 'main')
      assert.equal(await propertyOf(catalog, table('a.t'), 'k'), round)
    }
  })

  using('refuses a merge into a target that is not the one looked at', async (catalog) => {
    const seen = await catalog.getRef('main')
    await catalog.createRef('dev')
    await catalog.commit([namespaceOf('b')], { message: '', ref: 'dev' })
    await catalog.commit([namespaceOf('a')], { message: '' })
    await assert.rejects(
      catalog.merge('dev', 'main', { expectedTarget: seen?.commit ?? '' }),
      withCode('PHLO_COMMIT_CONFLICT'),
    )
  })

  using('moves the target to the source’s own commit where it did not move since', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    const base = await catalog.getRef('main')
    await catalog.createRef('dev')
    const head = await seed(catalog, [setProperty(table('a.t'), 'k', '1')], 'dev')
    const result = await catalog.merge('dev', 'main', { message: 'forward', author: 'ann' })
    assert.deepEqual(result, {
      commit: head,
      base: base?.commit,
      fastForward: true,
      tables: [{ identifier: table('a.t'), change: 'changed', outcome: 'taken' }],
      views: [],
      namespaces: [],
    })
    assert.equal((await catalog.getRef('main'))?.commit, head)
    if (!catalog.supports.reflog) return
    for await (const { action, message, author } of catalog.reflog('main')) {
      assert.deepEqual([action, message, author], ['merge', 'forward', 'ann'])
      break
    }
  })

  using('makes a commit of the merge where it is told to', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    const before = await catalog.getRef('main')
    await catalog.createRef('dev')
    const head = await seed(catalog, [setProperty(table('a.t'), 'k', '1')], 'dev')
    const result = await catalog.merge('dev', 'main', { message: 'publish', fastForward: false })
    assert.deepEqual([result.fastForward, result.commit !== head], [false, true])
    for await (const { id, message, parents } of catalog.log('main')) {
      assert.deepEqual([id, message, parents[0]], [result.commit, 'publish', before?.commit])
      break
    }
    assert.equal(await propertyOf(catalog, table('a.t'), 'k'), '1')
  })

  using('takes the side that a strategy names, for all tables or for one', async (catalog) => {
    const tables = ['a.x', 'a.y', 'a.z'].map(table)
    await seed(catalog, [namespaceOf('a'), ...tables.map((identifier) => newTable(catalog, identifier))])
    const original = (await catalog.getRef('main'))?.commit ?? ''
    await catalog.createRef('dev')
    await seed(
      catalog,
      tables.map((identifier) => setProperty(identifier, 'k', 'dev')),
      'dev',
    )
    await seed(
      catalog,
      tables.slice(0, 2).map((identifier) => setProperty(identifier, 'k', 'main')),
    )
    const onMain = (await catalog.getRef('main'))?.commit ?? ''
    const merged = async (options: Parameters<typeof catalog.merge>[2]) => {
      await catalog.assignRef('main', onMain)
      const result = await catalog.merge('dev', 'main', options)
      const values = await Promise.all(tables.map((identifier) => propertyOf(catalog, identifier, 'k')))
      return [result.base, result.tables.map(({ outcome }) => outcome), values]
    }
    assert.deepEqual(await merged({ strategy: 'ours' }), [original, ['kept', 'kept', 'taken'], ['main', 'main', 'dev']])
    assert.deepEqual(await merged({ strategy: 'theirs' }), [
      original,
      ['taken', 'taken', 'taken'],
      ['dev', 'dev', 'dev'],
    ])
    const strategies = [{ identifier: table('a.x'), strategy: 'theirs' as const }]
    assert.deepEqual(await merged({ strategy: 'ours', strategies }), [
      original,
      ['taken', 'kept', 'taken'],
      ['dev', 'main', 'dev'],
    ])
    await assert.rejects(merged({ strategy: 'fail', strategies }), (error: unknown) => {
      assert.ok(isPhloError(error, 'PHLO_MERGE_CONFLICT'))
      assert.deepEqual(error.context['tables'], ['a.y'])
      return true
    })
    assert.equal((await catalog.getRef('main'))?.commit, onMain)
  })

  using('tells a table that one side dropped and the other changed as a conflict, whichever side', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.x')), newTable(catalog, table('a.y'))])
    await catalog.createRef('dev')
    await seed(catalog, [{ kind: 'drop-table', identifier: table('a.x') }, setProperty(table('a.y'), 'k', 'v')], 'dev')
    await seed(catalog, [setProperty(table('a.x'), 'k', 'v'), { kind: 'drop-table', identifier: table('a.y') }])
    const { tables } = await catalog.merge('dev', 'main', { dryRun: true })
    assert.deepEqual(
      tables.map(({ identifier, change, outcome, reason }) => [identifier.name, change, outcome, typeof reason]),
      [
        ['x', 'removed', 'conflict', 'string'],
        ['y', 'changed', 'conflict', 'string'],
      ],
    )
    await catalog.merge('dev', 'main', { strategy: 'theirs' })
    assert.deepEqual(await tableNames(catalog), ['a.y'])
  })

  using('does the source’s change of a table again on the target’s, where the two go together', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t')), newTable(catalog, table('a.u'))])
    await catalog.createRef('dev')
    await seed(catalog, [setProperty(table('a.t'), 'dev', '1'), setProperty(table('a.u'), 'k', 'dev')], 'dev')
    await seed(catalog, [setProperty(table('a.t'), 'main', '1')])
    const before = await catalog.loadTable(table('a.t'))
    const dry = await catalog.merge('dev', 'main', { dryRun: true })
    assert.deepEqual(await catalog.loadTable(table('a.t')), before)
    await assert.rejects(catalog.merge('dev', 'main', { strategy: 'fail' }), withCode('PHLO_MERGE_CONFLICT'))
    const result = await catalog.merge('dev', 'main')
    assert.deepEqual(
      result.tables.map(({ identifier, change, outcome }) => [identifier.name, change, outcome]),
      [
        ['t', 'changed', 'rebased'],
        ['u', 'changed', 'taken'],
      ],
    )
    assert.deepEqual(dry.tables, result.tables)
    const { metadata } = (await catalog.loadTable(table('a.t'))) ?? assert.fail()
    assert.deepEqual([metadata.properties?.['dev'], metadata.properties?.['main']], ['1', '1'])
  })

  using('takes what both sides did alike as done', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.x')), newTable(catalog, table('a.y'))])
    await catalog.createRef('dev')
    await seed(catalog, [{ kind: 'drop-table', identifier: table('a.x') }, namespaceOf('b')], 'dev')
    await seed(catalog, [{ kind: 'drop-table', identifier: table('a.x') }, namespaceOf('b')])
    const { tables, namespaces } = await catalog.merge('dev', 'main')
    assert.deepEqual([tables, namespaces, await tableNames(catalog)], [[], [], ['a.y']])
  })

  using('merges namespaces, property by property', async (catalog) => {
    const set = (properties: Record<string, string>, ref?: string) =>
      catalog.commit([{ kind: 'set-namespace-properties', namespace: ['a'], set: properties }], {
        message: '',
        ...(ref !== undefined && { ref }),
      })
    await seed(catalog, [namespaceOf('a'), namespaceOf('gone')])
    await catalog.createRef('dev')
    await set({ on: 'dev', dev: '1' }, 'dev')
    await seed(catalog, [namespaceOf('new'), { kind: 'drop-namespace', namespace: ['gone'] }], 'dev')
    await set({ main: '1' })
    const { namespaces } = await catalog.merge('dev', 'main')
    assert.deepEqual(
      namespaces.map(({ namespace, change, outcome }) => [namespace[0], change, outcome]),
      [
        ['a', 'changed', 'rebased'],
        ['gone', 'removed', 'taken'],
        ['new', 'added', 'taken'],
      ],
    )
    const { on, dev, main } = (await propertiesOf(catalog, 'a')) ?? assert.fail()
    assert.deepEqual([on, dev, main, await propertiesOf(catalog, 'gone')], ['dev', '1', '1', undefined])
    await set({ on: 'x' }, 'dev')
    await set({ on: 'y' })
    await assert.rejects(catalog.merge('dev', 'main'), withCode('PHLO_MERGE_CONFLICT'))
  })

  using('leaves no table without its namespace', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), namespaceOf('b')])
    await catalog.createRef('dev')
    await seed(catalog, [newTable(catalog, table('a.t')), { kind: 'drop-namespace', namespace: ['b'] }], 'dev')
    await seed(catalog, [{ kind: 'drop-namespace', namespace: ['a'] }, newTable(catalog, table('b.t'))])
    for (const strategy of ['fail', 'theirs', 'rebase'] as const) {
      const { tables, namespaces } = await catalog.merge('dev', 'main', { dryRun: true, strategy })
      assert.deepEqual(
        [tables.map(({ outcome }) => outcome), namespaces.map(({ outcome }) => outcome)],
        [['conflict'], ['conflict']],
      )
    }
    await assert.rejects(catalog.merge('dev', 'main'), withCode('PHLO_MERGE_CONFLICT'))
  })

  using('merges views as tables, and names those that both sides changed', async (catalog) => {
    if (!catalog.supports.views) return
    await seed(catalog, [
      namespaceOf('a'),
      viewCreation(catalog, table('a.v'), 'select 0'),
      viewCreation(catalog, table('a.w'), 'select 0'),
    ])
    await catalog.createRef('dev')
    await seed(
      catalog,
      [viewReplacement(table('a.v'), 'select 1'), viewCreation(catalog, table('a.x'), 'select 1')],
      'dev',
    )
    await seed(catalog, [viewReplacement(table('a.w'), 'select 2')])
    const { views } = await catalog.merge('dev', 'main')
    assert.deepEqual(
      views.map(({ identifier, change, outcome }) => [identifier.name, change, outcome]),
      [
        ['v', 'changed', 'taken'],
        ['x', 'added', 'taken'],
      ],
    )
    assert.deepEqual(await Promise.all(['a.v', 'a.w', 'a.x'].map((name) => queryOf(catalog, table(name)))), [
      'select 1',
      'select 2',
      'select 1',
    ])
    await seed(catalog, [viewReplacement(table('a.v'), 'select 3')], 'dev')
    await seed(catalog, [viewReplacement(table('a.v'), 'select 4')])
    await assert.rejects(catalog.merge('dev', 'main'), withCode('PHLO_MERGE_CONFLICT'))
  })

  using('names a table that each side gave another name', async (catalog) => {
    if (!catalog.supports.renames) return
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    await catalog.createRef('dev')
    await seed(catalog, [{ kind: 'rename-table', identifier: table('a.t'), to: table('a.dev') }], 'dev')
    await seed(catalog, [{ kind: 'rename-table', identifier: table('a.t'), to: table('a.main') }])
    await assert.rejects(catalog.merge('dev', 'main'), withCode('PHLO_MERGE_CONFLICT'))
    assert.deepEqual(await tableNames(catalog), ['a.main'])
  })

  using('merges into branches only, and from whatever names a commit', async (catalog) => {
    await catalog.createRef('v1', { type: 'tag' })
    await catalog.createRef('dev')
    const head = await seed(catalog, [namespaceOf('a')], 'dev')
    await assert.rejects(catalog.merge('dev', 'v1'), withCode('PHLO_REF_INVALID'))
    await assert.rejects(catalog.merge('dev', 'none'), withCode('PHLO_REF_NOT_FOUND'))
    await assert.rejects(catalog.merge('none', 'main'), withCode('PHLO_REF_NOT_FOUND'))
    assert.equal((await catalog.merge(head, 'main')).commit, head)
  })

  using('picks one commit of a branch into another', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t')), newTable(catalog, table('a.u'))])
    await catalog.createRef('dev')
    await seed(catalog, [setProperty(table('a.t'), 'k', 'dev')], 'dev')
    const { commit: picked = '' } = await catalog.commit([setProperty(table('a.u'), 'k', 'dev')], {
      message: 'the second',
      author: 'ann',
      ref: 'dev',
    })
    const before = await catalog.getRef('main')
    const dry = await catalog.cherryPick(picked, 'main', { dryRun: true })
    assert.deepEqual([dry.commit, await catalog.getRef('main')], [before?.commit, before])
    const result = await catalog.cherryPick(picked, 'main')
    assert.deepEqual(dry.tables, result.tables)
    assert.deepEqual(result.tables, [{ identifier: table('a.u'), change: 'changed', outcome: 'taken' }])
    assert.deepEqual(
      [await propertyOf(catalog, table('a.t'), 'k'), await propertyOf(catalog, table('a.u'), 'k')],
      [undefined, 'dev'],
    )
    for await (const { id, parents, message } of catalog.log('main')) {
      assert.deepEqual([id, parents, message.includes('the second')], [result.commit, [before?.commit], true])
      break
    }
    const again = await catalog.cherryPick(picked, 'main')
    assert.deepEqual([again.commit, again.tables], [result.commit, []])
  })

  using('undoes one commit, and leaves what came after', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    const before = await catalog.loadTable(table('a.t'))
    const bad = await seed(catalog, [setProperty(table('a.t'), 'k', 'bad')])
    await seed(catalog, [newTable(catalog, table('a.later'))])
    const result = await catalog.revert(bad, 'main', { author: 'ann' })
    assert.deepEqual(result.tables, [{ identifier: table('a.t'), change: 'changed', outcome: 'taken' }])
    assert.equal(await propertyOf(catalog, table('a.t'), 'k'), undefined)
    assert.equal((await catalog.loadTable(table('a.t')))?.metadataLocation, before?.metadataLocation)
    assert.deepEqual(await tableNames(catalog), ['a.later', 'a.t'])
    const made = await seed(catalog, [newTable(catalog, table('a.made'))])
    await catalog.revert(made, 'main')
    assert.deepEqual(await tableNames(catalog), ['a.later', 'a.t'])
    await assert.rejects(catalog.revert('none', 'main'), withCode('PHLO_REF_NOT_FOUND'))
  })

  using('refuses to undo what was changed since, unless told which side counts', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    const bad = await seed(catalog, [setProperty(table('a.t'), 'k', 'bad')])
    await seed(catalog, [setProperty(table('a.t'), 'k', 'good')])
    const before = await catalog.getRef('main')
    await assert.rejects(catalog.revert(bad, 'main'), withCode('PHLO_MERGE_CONFLICT'))
    assert.deepEqual(await catalog.getRef('main'), before)
    await catalog.revert(bad, 'main', { strategy: 'theirs' })
    assert.equal(await propertyOf(catalog, table('a.t'), 'k'), undefined)
  })

  using('refuses a cherry-pick or revert on a target that is not the one looked at', async (catalog) => {
    const seen = await seed(catalog, [namespaceOf('a')])
    const commit = await seed(catalog, [namespaceOf('b')])
    const expected = { expectedTarget: seen }
    await assert.rejects(catalog.revert(commit, 'main', expected), withCode('PHLO_COMMIT_CONFLICT'))
    await assert.rejects(catalog.cherryPick(commit, 'main', expected), withCode('PHLO_COMMIT_CONFLICT'))
  })
}
