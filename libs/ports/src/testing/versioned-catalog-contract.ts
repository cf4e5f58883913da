import assert from 'node:assert/strict'
import type { ToldCommits, VersionedCatalog } from '../versioned-catalog.js'
import {
  type CatalogFixture,
  newTable,
  namespaceOf,
  setProperty,
  propertyOf,
  seed,
  table,
  tableNames,
  type UsingCatalog,
  usingCatalog,
  viewCreation,
  viewReplacement,
  withCode,
} from './catalog-cases.js'
import { mergeCases } from './merge-cases.js'
import type { TestRunner } from './runner.js'

/**
 * What every VersionedCatalog must do beside what every Catalog must (`catalogContract`); where it cannot do something,
 * `supports` says so and the suite follows.
 */
export function versionedCatalogContract(
  name: string,
  fixture: CatalogFixture<VersionedCatalog>,
  runner: TestRunner,
): void {
  runner.describe(`VersionedCatalog contract: ${name}`, () => {
    const using = usingCatalog(fixture, runner)
    refCases(using)
    historyCases(using)
    mergeCases(using)
  })
}

async function take<T>(items: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = []
  for await (const item of items) taken.push(item)
  return taken
}

/** A time after everything before and before everything after. */
async function moment(): Promise<Date> {
  await new Promise((resolve) => setTimeout(resolve, 5))
  const now = new Date()
  await new Promise((resolve) => setTimeout(resolve, 5))
  return now
}

/** Branches, tags and what may happen to them. */
function refCases(using: UsingCatalog<VersionedCatalog>): void {
  using('has a main branch from the start, which cannot be deleted', async (catalog) => {
    assert.deepEqual(
      (await catalog.listRefs()).map(({ name: own, type }) => ({ own, type })),
      [{ own: 'main', type: 'branch' }],
    )
    await assert.rejects(catalog.deleteRef('main'), withCode('PHLO_REF_INVALID'))
  })

  using('isolates a branch from main and main from a branch', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    await catalog.createRef('dev')
    await seed(catalog, [setProperty(table('a.t'), 'on', 'dev'), newTable(catalog, table('a.new'))], 'dev')
    await catalog.commit([setProperty(table('a.t'), 'on', 'main')], { message: '' })
    assert.deepEqual(
      [await propertyOf(catalog, table('a.t'), 'on'), await propertyOf(catalog, table('a.t'), 'on', 'dev')],
      ['main', 'dev'],
    )
    assert.deepEqual(
      [await tableNames(catalog), await tableNames(catalog, { ref: 'dev' })],
      [['a.t'], ['a.new', 'a.t']],
    )
  })

  using('gives refs back as they were made, and refuses doubles and wrong names', async (catalog) => {
    const head = await catalog.getRef('main')
    const made = await catalog.createRef('team/dev-1')
    assert.deepEqual(made, { name: 'team/dev-1', type: 'branch', commit: head?.commit, protected: false })
    assert.deepEqual(await catalog.getRef('team/dev-1'), made)
    assert.equal(await catalog.getRef('none'), undefined)
    await assert.rejects(catalog.createRef('team/dev-1'), withCode('PHLO_REF_EXISTS'))
    await assert.rejects(catalog.createRef('x', { from: 'none' }), withCode('PHLO_REF_NOT_FOUND'))
    for (const wrong of ['', 'a b', '../x', '/x', 'x/', 'a//b', 'a..b']) {
      await assert.rejects(catalog.createRef(wrong), withCode('PHLO_REF_INVALID'))
    }
  })

  using('reads at a tag and at a commit, and commits to neither', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    const { commit } = await catalog.commit([setProperty(table('a.t'), 'k', '1')], { message: '' })
    await catalog.createRef('v1', { type: 'tag' })
    await catalog.commit([setProperty(table('a.t'), 'k', '2')], { message: '' })
    assert.deepEqual(
      await Promise.all(['v1', commit as string, 'main'].map((ref) => propertyOf(catalog, table('a.t'), 'k', ref))),
      ['1', '1', '2'],
    )
    await assert.rejects(
      catalog.commit([setProperty(table('a.t'), 'k', '3')], { message: '', ref: 'v1' }),
      withCode('PHLO_REF_INVALID'),
    )
    await assert.rejects(
      catalog.commit([setProperty(table('a.t'), 'k', '3')], { message: '', ref: 'none' }),
      withCode('PHLO_REF_NOT_FOUND'),
    )
    await assert.rejects(catalog.loadTable(table('a.t'), { ref: 'none' }), withCode('PHLO_REF_NOT_FOUND'))
  })

  using('deletes a branch, and makes one of the same name again', async (catalog) => {
    const first = await catalog.createRef('dev')
    await catalog.commit([namespaceOf('a')], { message: '', ref: 'dev' })
    await assert.rejects(catalog.deleteRef('dev', { expected: first.commit }), withCode('PHLO_COMMIT_CONFLICT'))
    await catalog.deleteRef('dev')
    assert.equal(await catalog.getRef('dev'), undefined)
    await assert.rejects(catalog.deleteRef('dev'), withCode('PHLO_REF_NOT_FOUND'))
    await catalog.createRef('dev')
    assert.deepEqual(await catalog.listNamespaces({ ref: 'dev' }), [])
  })

  using('lists branches and tags in order of their names', async (catalog) => {
    await catalog.createRef('b')
    await catalog.createRef('a', { type: 'tag' })
    await catalog.createRef('team/z')
    await catalog.deleteRef('b')
    assert.deepEqual(
      (await catalog.listRefs()).map(({ name, type }) => ({ name, type })),
      [
        { name: 'a', type: 'tag' },
        { name: 'main', type: 'branch' },
        { name: 'team/z', type: 'branch' },
      ],
    )
  })

  using('makes a branch from a branch, a tag and a commit', async (catalog) => {
    const first = await seed(catalog, [namespaceOf('a')])
    await catalog.createRef('v1', { type: 'tag' })
    const second = await seed(catalog, [namespaceOf('b')])
    assert.equal((await catalog.createRef('of-main')).commit, second)
    assert.equal((await catalog.createRef('of-tag', { from: 'v1' })).commit, first)
    assert.equal((await catalog.createRef('of-commit', { from: first })).commit, first)
    assert.equal((await catalog.createRef('tag-of-branch', { from: 'of-tag', type: 'tag' })).commit, first)
  })

  using('lets exactly one of many racing makers of a branch win', async (catalog) => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => catalog.createRef('dev')))
    const lost = results.filter((result) => result.status === 'rejected')
    assert.equal(lost.length, 7)
    for (const { reason } of lost) withCode('PHLO_REF_EXISTS')(reason)
  })

  using('moves a branch to another commit, and a tag where it is told to', async (catalog) => {
    const first = await seed(catalog, [namespaceOf('a')])
    const second = await seed(catalog, [namespaceOf('b')])
    await catalog.createRef('dev')
    await catalog.createRef('v1', { type: 'tag' })
    assert.equal((await catalog.assignRef('dev', first)).commit, first)
    assert.equal((await catalog.getRef('dev'))?.commit, first)
    assert.deepEqual(
      (await catalog.listNamespaces({ ref: 'dev' })).map(({ namespace }) => namespace),
      [['a']],
    )
    assert.equal((await catalog.assignRef('dev', 'main', { expected: first })).commit, second)
    await assert.rejects(catalog.assignRef('dev', first, { expected: first }), withCode('PHLO_COMMIT_CONFLICT'))
    await assert.rejects(catalog.assignRef('v1', first), withCode('PHLO_REF_INVALID'))
    assert.equal((await catalog.assignRef('v1', first, { type: 'tag' })).commit, first)
    await assert.rejects(catalog.assignRef('dev', first, { type: 'tag' }), withCode('PHLO_REF_INVALID'))
    await assert.rejects(catalog.assignRef('none', first), withCode('PHLO_REF_NOT_FOUND'))
    await assert.rejects(catalog.assignRef('dev', 'none'), withCode('PHLO_REF_NOT_FOUND'))
    assert.equal((await catalog.getRef('dev'))?.commit, second)
  })

  using('changes a protected branch by merge alone', async (catalog) => {
    if (!catalog.supports.protection) {
      await assert.rejects(catalog.createRef('kept', { protected: true }), withCode('PHLO_UNSUPPORTED'))
      await assert.rejects(catalog.protectRef('main', true), withCode('PHLO_UNSUPPORTED'))
      return
    }
    const first = await seed(catalog, [namespaceOf('a')])
    assert.equal((await catalog.protectRef('main', true)).protected, true)
    assert.equal((await catalog.getRef('main'))?.protected, true)
    await catalog.createRef('dev')
    const picked = await seed(catalog, [namespaceOf('b')], 'dev')
    const refused = [
      () => catalog.commit([namespaceOf('c')], { message: '' }),
      () => catalog.cherryPick(picked, 'main'),
      () => catalog.revert(first, 'main'),
      () => catalog.revert(first, 'main', { dryRun: true }),
      () => catalog.assignRef('main', picked),
    ]
    for (const attempt of refused) await assert.rejects(attempt(), withCode('PHLO_REF_PROTECTED'))
    await catalog.merge('dev', 'main')
    assert.deepEqual(
      (await catalog.listNamespaces()).map(({ namespace }) => namespace),
      [['a'], ['b']],
    )
    assert.equal((await catalog.getRef('main'))?.protected, true)
    const kept = await catalog.createRef('kept', { type: 'tag', protected: true })
    assert.equal(kept.protected, true)
    await assert.rejects(catalog.deleteRef('kept'), withCode('PHLO_REF_PROTECTED'))
    await assert.rejects(catalog.assignRef('kept', first, { type: 'tag' }), withCode('PHLO_REF_PROTECTED'))
    await catalog.protectRef('kept', false)
    await catalog.deleteRef('kept')
    await assert.rejects(catalog.protectRef('kept', true), withCode('PHLO_REF_NOT_FOUND'))
    await catalog.protectRef('main', false)
    await catalog.commit([namespaceOf('c')], { message: '' })
  })
}

/** Commits, their order and where refs stood. */
function historyCases(using: UsingCatalog<VersionedCatalog>): void {
  using('tells the states that a ref leads to, and those of its past since a time', async (catalog) => {
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t')), newTable(catalog, table('a.u'))])
    const location = async (name: string) => (await catalog.loadTable(table(name)))?.metadataLocation
    const [first, dropped] = [await location('a.t'), await location('a.u')]
    const since = await moment()
    await catalog.commit([setProperty(table('a.t'), 'k', '1')], { message: 'change' })
    await catalog.commit([{ kind: 'drop-table', identifier: table('a.u') }], { message: 'drop' })
    const locations = async (options?: { since: Date }) =>
      (await take(catalog.states('main', options))).map(({ metadataLocation, current }) => [metadataLocation, current])
    const present = [await location('a.t'), true]
    assert.deepEqual(await locations(), [present])
    // Both stood there until after that time.
    assert.deepEqual(await locations({ since }), [present, [dropped, false], [first, false]])
    assert.deepEqual(await locations({ since: await moment() }), [present])
    const [state] = await take(catalog.states('main'))
    assert.deepEqual(
      { ...state, commit: undefined },
      { identifier: table('a.t'), kind: 'table', metadataLocation: present[0], commit: undefined, current: true },
    )
  })

  using('tells once what refs have in common', async (catalog) => {
    const since = await moment()
    await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    await catalog.commit([setProperty(table('a.t'), 'k', '1')], { message: 'change' })
    await catalog.createRef('dev')
    const location = async (ref: string) => (await catalog.loadTable(table('a.t'), { ref }))?.metadataLocation
    const parted = await location('dev')
    await catalog.commit([setProperty(table('a.t'), 'k', 'dev')], { message: 'change', ref: 'dev' })
    const told: ToldCommits = new Map()
    const locations = async (ref: string, from: Date) =>
      (await take(catalog.states(ref, { since: from, told }))).map(({ metadataLocation }) => metadataLocation)
    const late = await moment()
    assert.deepEqual(await locations('main', late), [parted])
    // A longer history goes on behind what a shorter one told.
    assert.equal((await locations('dev', since)).length, 3)
    assert.deepEqual(await locations('dev', since), [])
    assert.deepEqual(await locations('main', since), [])
  })

  using('tells what a deleted branch held, where it remembers', async (catalog) => {
    const since = await moment()
    await seed(catalog, [namespaceOf('a')])
    await catalog.createRef('dev')
    await catalog.createRef('kept')
    await seed(catalog, [newTable(catalog, table('a.t'))], 'dev')
    const location = (await catalog.loadTable(table('a.t'), { ref: 'dev' }))?.metadataLocation
    await catalog.deleteRef('dev')
    assert.deepEqual(await catalog.deletedRefs(), catalog.supports.reflog ? ['dev'] : [])
    await assert.rejects(take(catalog.states('dev')), withCode('PHLO_REF_NOT_FOUND'))
    if (!catalog.supports.reflog) return
    const found = await take(catalog.states('dev', { since }))
    assert.deepEqual(
      found.map(({ metadataLocation, current }) => [metadataLocation, current]),
      [[location, false]],
    )
    assert.deepEqual(await take(catalog.states('dev', { since: await moment() })), [])
  })

  using('commits on top of a commit, on no branch', async (catalog) => {
    const base = await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    const changes = [setProperty(table('a.t'), 'k', 'detached')]
    if (!catalog.supports.detachedCommits) {
      await assert.rejects(catalog.commit(changes, { message: '', ref: base }), withCode('PHLO_UNSUPPORTED'))
      return
    }
    const refs = await catalog.listRefs()
    const { commit } = await catalog.commit(changes, { message: 'apart', ref: base })
    assert.ok(commit)
    assert.deepEqual(await catalog.listRefs(), refs)
    assert.deepEqual(
      [await propertyOf(catalog, table('a.t'), 'k'), await propertyOf(catalog, table('a.t'), 'k', commit)],
      [undefined, 'detached'],
    )
    const next = await catalog.commit([setProperty(table('a.t'), 'l', 'more')], { message: 'further', ref: commit })
    assert.deepEqual(
      (await take(catalog.log(next.commit ?? '', { limit: 3 }))).map(({ id }) => id),
      [next.commit, commit, base],
    )
    await catalog.createRef('kept', { from: commit })
    assert.equal(await propertyOf(catalog, table('a.t'), 'k', 'kept'), 'detached')
  })

  using('keeps author, message, time and properties of commits', async (catalog) => {
    const started = Date.now()
    await catalog.commit([namespaceOf('a')], { message: 'one', author: 'ann', properties: { 'run-id': '7', x: 'y' } })
    await catalog.commit([namespaceOf('b')], { message: 'two\n\nand why', author: 'ben' })
    const [two, one] = await take(catalog.log('main', { limit: 2 }))
    assert.ok(one && two)
    assert.deepEqual(
      [one, two].map(({ author, message }) => ({ author, message })),
      [
        { author: 'ann', message: 'one' },
        { author: 'ben', message: 'two\n\nand why' },
      ],
    )
    assert.deepEqual([one.properties['run-id'], one.properties['x'], two.parents], ['7', 'y', [one.id]])
    assert.ok(one.time.getTime() >= started - 2_000 && one.time <= two.time && two.time.getTime() <= Date.now() + 2_000)
  })

  using('tells which commits changed a table', async (catalog) => {
    await seed(catalog, [namespaceOf('a')])
    const made = await seed(catalog, [newTable(catalog, table('a.t'))])
    await seed(catalog, [newTable(catalog, table('a.u'))])
    const changed = await seed(catalog, [setProperty(table('a.t'), 'k', 'v')])
    await seed(catalog, [setProperty(table('a.u'), 'k', 'v')])
    const dropped = await seed(catalog, [{ kind: 'drop-table', identifier: table('a.t') }])
    const found = await take(catalog.log('main', { table: table('a.t') }))
    assert.deepEqual(
      found.map(({ id }) => id),
      [dropped, changed, made],
    )
    assert.deepEqual(
      (await take(catalog.log('main', { table: table('a.t'), limit: 1 }))).map(({ id }) => id),
      [dropped],
    )
    assert.deepEqual(await take(catalog.log('main', { table: table('a.never') })), [])
    await assert.rejects(take(catalog.log('none')), withCode('PHLO_REF_NOT_FOUND'))
  })

  using('tells what differs between two refs', async (catalog) => {
    await seed(catalog, [
      { kind: 'create-namespace', namespace: ['a'], properties: { k: '1' } },
      namespaceOf('gone'),
      newTable(catalog, table('a.x')),
      newTable(catalog, table('a.y')),
      newTable(catalog, table('a.z')),
    ])
    await catalog.createRef('dev')
    await seed(
      catalog,
      [
        { kind: 'set-namespace-properties', namespace: ['a'], set: { k: '2' } },
        { kind: 'drop-namespace', namespace: ['gone'] },
        namespaceOf('new'),
        setProperty(table('a.x'), 'k', 'v'),
        { kind: 'drop-table', identifier: table('a.y') },
        newTable(catalog, table('a.new')),
      ],
      'dev',
    )
    const at = async (text: string, ref: string) => (await catalog.loadTable(table(text), { ref }))?.metadataLocation
    const { tables, views, namespaces } = await catalog.diff('main', 'dev')
    assert.deepEqual(tables, [
      { identifier: table('a.new'), change: 'added', after: await at('a.new', 'dev') },
      {
        identifier: table('a.x'),
        change: 'changed',
        before: await at('a.x', 'main'),
        after: await at('a.x', 'dev'),
      },
      { identifier: table('a.y'), change: 'removed', before: await at('a.y', 'main') },
    ])
    assert.deepEqual(views, [])
    assert.deepEqual(
      namespaces.map(({ namespace, change, before, after }) => [namespace, change, before?.['k'], after?.['k']]),
      [
        [['a'], 'changed', '1', '2'],
        [['gone'], 'removed', undefined, undefined],
        [['new'], 'added', undefined, undefined],
      ],
    )
    assert.deepEqual(
      (await catalog.diff('dev', 'main')).tables.map(({ identifier, change }) => [identifier.name, change]),
      [
        ['new', 'removed'],
        ['x', 'changed'],
        ['y', 'added'],
      ],
    )
    assert.deepEqual(await catalog.diff('dev', 'dev'), { tables: [], views: [], namespaces: [] })
    await assert.rejects(catalog.diff('main', 'none'), withCode('PHLO_REF_NOT_FOUND'))
  })

  using('tells the views that differ between two refs', async (catalog) => {
    if (!catalog.supports.views) return
    await seed(catalog, [namespaceOf('a'), viewCreation(catalog, table('a.v'), 'select 1')])
    await catalog.createRef('dev')
    await seed(
      catalog,
      [viewReplacement(table('a.v'), 'select 2'), viewCreation(catalog, table('a.w'), 'select 1')],
      'dev',
    )
    const { tables, views } = await catalog.diff('main', 'dev')
    assert.deepEqual(
      [tables, views.map(({ identifier, change }) => [identifier.name, change])],
      [
        [],
        [
          ['v', 'changed'],
          ['w', 'added'],
        ],
      ],
    )
  })

  using('finds the commit at which a branch stood, also after a merge of older commits', async (catalog) => {
    const before = await seed(catalog, [namespaceOf('a'), newTable(catalog, table('a.t'))])
    await catalog.createRef('dev')
    await seed(catalog, [setProperty(table('a.t'), 'k', 'v')], 'dev')
    const between = await moment()
    await catalog.merge('dev', 'main', { fastForward: catalog.supports.reflog })
    assert.equal(await catalog.commitAt('main', between), before)
    assert.equal(await catalog.commitAt('main', new Date()), (await catalog.getRef('main'))?.commit)
    await assert.rejects(catalog.commitAt('none', between), withCode('PHLO_REF_NOT_FOUND'))
  })

  using('finds the commit at which a branch stood that was reset meanwhile', async (catalog) => {
    if (!catalog.supports.reflog) return
    const first = await seed(catalog, [namespaceOf('a')])
    const young = await moment()
    await catalog.createRef('dev')
    const second = await seed(catalog, [namespaceOf('b')], 'dev')
    const between = await moment()
    await catalog.assignRef('dev', first)
    assert.deepEqual(
      [await catalog.commitAt('dev', young), await catalog.commitAt('dev', between)],
      [undefined, second],
    )
    assert.equal(await catalog.commitAt('dev', new Date()), first)
    assert.equal(await catalog.commitAt(second, young), first)
  })

  using('remembers every move of a ref, also when it is gone', async (catalog) => {
    if (!catalog.supports.reflog) {
      await assert.rejects(take(catalog.reflog('main')), withCode('PHLO_UNSUPPORTED'))
      return
    }
    const first = await seed(catalog, [namespaceOf('a')])
    await catalog.createRef('dev', { author: 'ann', message: 'for a look' })
    const { commit: second } = await catalog.commit([namespaceOf('b')], {
      message: 'two\nlines',
      author: 'ben',
      ref: 'dev',
    })
    await catalog.protectRef('dev', true)
    await catalog.protectRef('dev', false)
    await catalog.assignRef('dev', first, { author: 'cat', message: 'back' })
    await catalog.merge(second ?? '', 'dev', { author: 'dan' })
    await catalog.deleteRef('dev', { message: 'done' })
    await catalog.createRef('dev', { from: first, author: 'eve' })
    const log = await take(catalog.reflog('dev'))
    assert.deepEqual(
      log.map(({ action, from, to, author }) => [action, from, to, author]),
      [
        ['create', undefined, first, 'eve'],
        ['delete', second, undefined, log[1]?.author],
        ['merge', first, second, 'dan'],
        ['assign', second, first, 'cat'],
        ['unprotect', second, second, log[4]?.author],
        ['protect', second, second, log[5]?.author],
        ['commit', first, second, 'ben'],
        ['create', undefined, first, 'ann'],
      ],
    )
    assert.deepEqual(
      [1, 3, 6, 7].map((index) => log[index]?.message),
      ['done', 'back', 'two', 'for a look'],
    )
    const times = log.map(({ time }) => time.getTime())
    assert.deepEqual(
      times,
      [...times].sort((a, b) => b - a),
    )
    await catalog.deleteRef('dev')
    assert.equal((await take(catalog.reflog('dev'))).length, 9)
    await assert.rejects(take(catalog.reflog('none')), withCode('PHLO_REF_NOT_FOUND'))
  })

  using('remembers hundreds of moves, and finds its way among them by time', async (catalog) => {
    if (!catalog.supports.reflog) return
    const first = await seed(catalog, [namespaceOf('a')])
    const second = await seed(catalog, [namespaceOf('b')])
    await catalog.createRef('dev')
    const moments: { time: Date; commit: string }[] = []
    for (let move = 0; move < 150; move++) {
      const commit = move % 2 === 0 ? first : second
      await catalog.assignRef('dev', commit, { message: String(move) })
      if (move % 30 === 0) moments.push({ time: await moment(), commit })
    }
    const log = await take(catalog.reflog('dev'))
    assert.deepEqual(
      log.map(({ message }) => message),
      [...Array.from({ length: 150 }, (_, index) => String(149 - index)), ''],
    )
    for (const { time, commit } of moments) assert.equal(await catalog.commitAt('dev', time), commit)
  })
}
