import { beforeEach, describe, expect, it } from '@jest/globals'
import { PhloError, type RunRecord } from '@phlo/ports'
import { checked, ingested, model, table, TestProject, withMethods } from '../testing/test-project.js'
import type { RunOutcome } from '../events/run-events.js'
import { newRunId } from './run-id.js'

let project: TestProject
beforeEach(async () => {
  project = await TestProject.open()
})

/** What a failed run must leave: main as it was, and the branch with what was written. */
async function expectUnpublished(outcome: RunOutcome, head: string | undefined): Promise<void> {
  expect(outcome.publishedCommit).toBeUndefined()
  expect(await project.head()).toBe(head)
  expect(await project.branches()).toEqual([outcome.branch])
}

const recordOf = (outcome: RunOutcome): RunRecord | undefined => project.state.runs.get(outcome.runId)

describe('a run', () => {
  it('publishes everything in one commit to main and removes its branch', async () => {
    const head = await project.head()
    const assets = [ingested('bronze.a', { checks: [checked({ rows: 'fails(0)' })] }), model('gold.m', ['bronze.a'])]
    const outcome = await project.run(assets)
    expect(outcome).toMatchObject({ status: 'succeeded', steps: 2, rows: 4, checks: 2, failedChecks: 0 })
    expect(await project.branches()).toEqual([])
    const log: { id: string; parents: readonly string[]; properties: object; author: string }[] = []
    for await (const commit of project.catalog.log('main')) log.push(commit)
    expect(log[0]).toMatchObject({
      id: outcome.publishedCommit,
      author: 'me',
      properties: { 'run-id': outcome.runId, profile: 'local', 'code-hash': expect.stringMatching(/^[0-9a-f]{16}$/) },
    })
    // Every step is a commit on the branch; main moves once.
    expect(log[0]?.parents[0]).toBe(head)
    expect(await project.engine.rows('bronze.a')).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
    expect(await project.engine.rows('gold.m')).toEqual([{ id: 1 }])
    expect(recordOf(outcome)).toMatchObject({
      status: 'succeeded',
      owner: 'here:1',
      publishedCommit: outcome.publishedCommit,
      summary: { steps: 2, rows: 4, checks: 2, failedChecks: 0 },
    })
  })

  it('tells what happens in order, to listeners and to the state store alike', async () => {
    const outcome = await project.run([
      ingested('bronze.a', { checks: [checked({ rows: 'fails(0)' })] }),
      model('gold.m', ['bronze.a']),
    ])
    expect(project.heard()).toEqual([
      'run-started',
      'step-started',
      'step-finished',
      'check-finished',
      'check-finished',
      'step-started',
      'step-finished',
      'published',
      'run-finished',
    ])
    expect(project.events.map(({ seq }) => seq)).toEqual(project.events.map((_event, index) => index + 1))
    const kept = await project.state.listEvents(outcome.runId)
    expect(kept.map(({ type }) => type)).toEqual(project.heard())
    expect(kept.map(({ seq }) => seq)).toEqual(
      project.events.filter(({ type }) => type !== 'step-progress').map(({ seq }) => seq),
    )
    expect(project.events.find(({ type }) => type === 'published')?.data).toEqual({
      commit: outcome.publishedCommit,
      tables: [
        { table: 'bronze.a', change: 'added' },
        { table: 'gold.m', change: 'added' },
      ],
    })
  })

  it('of nothing leaves no branch, no record and no event', async () => {
    const assets = [model('gold.m', [])]
    await project.run(assets)
    const [runs, head] = [project.state.runs.size, await project.head()]
    project.events.splice(0)
    expect(await project.run(assets)).toMatchObject({ runId: '', status: 'nothing-to-do', steps: 0 })
    expect(await project.run([])).toMatchObject({ status: 'nothing-to-do' })
    expect({ runs: project.state.runs.size, head: await project.head() }).toEqual({ runs, head })
    expect(project.events).toEqual([])
    expect(await project.branches()).toEqual([])
  })

  it('leaves main as it was when a blocking check fails, and keeps the branch', async () => {
    await project.run([ingested('bronze.a')])
    const head = await project.head()
    const bad = ingested('bronze.a', { load: () => [{ id: 9 }], checks: [checked({ rows: 'fails(3)' })] })
    const outcome = await project.run([bad])
    expect(outcome).toMatchObject({
      status: 'failed',
      failedChecks: 1,
      error: { code: 'PHLO_CHECK_FAILED', message: 'The check check of bronze.a failed' },
    })
    await expectUnpublished(outcome, head)
    expect(await project.engine.rows('bronze.a')).toHaveLength(3)
    expect(await project.engine.rows('bronze.a', outcome.branch)).toEqual([{ id: 9 }])
    expect(recordOf(outcome)).toMatchObject({ status: 'failed', error: { code: 'PHLO_CHECK_FAILED' } })
    expect(project.heard().filter((type) => type === 'published')).toHaveLength(1)
  })

  it('does not make models of a table whose check failed, and says why', async () => {
    const outcome = await project.run([
      ingested('bronze.a', { checks: [checked({ rows: 'fails(1)' })] }),
      ingested('bronze.b'),
      model('silver.m', ['bronze.a']),
      model('gold.m', ['silver.m']),
      model('gold.other', ['bronze.b']),
    ])
    expect(outcome).toMatchObject({ status: 'failed', steps: 3, error: { code: 'PHLO_CHECK_FAILED' } })
    expect(project.engine.materialized.map(({ target }) => target.name)).toEqual(['other'])
    expect(project.events.filter(({ type }) => type === 'step-skipped').map(({ data }) => data)).toEqual([
      { step: { asset: 'silver.m', kind: 'model' }, because: 'bronze.a' },
      { step: { asset: 'gold.m', kind: 'model' }, because: 'silver.m' },
    ])
  })

  it('publishes in spite of checks that only warn or do not block', async () => {
    const outcome = await project.run([
      ingested('bronze.a', {
        checks: [
          checked({ rows: 'fails(3)' }, { name: 'warns', severity: 'warn' }),
          checked({ rows: 'fails(3)' }, { name: 'is not blocking', blocking: false }),
          checked({ rows: 'fails(3)' }, { name: 'is allowed', allowThreshold: 0.3 }),
          checked({ rows: 'fails(3)' }, { name: 'is within the warning', warnThreshold: 0.3 }),
        ],
      }),
    ])
    expect(outcome).toMatchObject({ status: 'succeeded', checks: 5, failedChecks: 1 })
    const statuses = project.events
      .filter(({ type }) => type === 'check-finished')
      .map(({ data }) => (data as { check: { name: string; status: string } }).check)
      .map(({ name, status }) => [name, status])
    expect(statuses).toEqual([
      ['pandera_contract', 'passed'],
      ['warns', 'warned'],
      ['is not blocking', 'failed'],
      ['is allowed', 'passed'],
      ['is within the warning', 'warned'],
    ])
  })

  it.each([
    ['SQL that no engine runs', { rows: 'broken()' }],
    ['a failure of the kind’s own code', { throws: 'no such property' }],
    ['wrong options', 'nonsense'],
    ['a column that is not there', { rows: 'fails(0)', column: 'nowhere' }],
  ])('is not published when a check could not run: %s', async (_name, options) => {
    const head = await project.head()
    const outcome = await project.run([ingested('bronze.a', { checks: [checked(options)] })])
    expect(outcome).toMatchObject({ status: 'failed', failedChecks: 1, error: { code: 'PHLO_CHECK_FAILED' } })
    await expectUnpublished(outcome, head)
  })

  it('ends with the failure when the engine fails half-way, and tries what does not depend on it', async () => {
    const head = await project.head()
    project.engine.beforeWrite = ({ name }) => {
      if (name === 'b') throw new PhloError('PHLO_ENGINE_FAILED', 'out of memory')
    }
    const outcome = await project.run([
      ingested('bronze.a'),
      ingested('bronze.b'),
      ingested('bronze.c'),
      model('gold.m', ['bronze.a', 'bronze.b']),
    ])
    expect(outcome).toMatchObject({
      status: 'failed',
      steps: 2,
      error: { code: 'PHLO_ENGINE_FAILED', message: 'out of memory' },
    })
    await expectUnpublished(outcome, head)
    expect(project.heard()).toContain('step-failed')
    expect(await project.engine.rows('bronze.c', outcome.branch)).toHaveLength(3)
  })

  it('names every asset that failed by itself', async () => {
    const failing = () => {
      throw new Error('gone')
    }
    const location = { file: 'workflows/a.ts', line: 3 }
    const outcome = await project.run([
      ingested('bronze.a', { load: failing, location }),
      ingested('bronze.b', { load: failing }),
      model('gold.m', ['bronze.a']),
    ])
    expect(outcome.error).toEqual({ code: 'PHLO_RUN_FAILED', message: '2 assets failed: bronze.a, bronze.b' })
    const failures = project.events.filter(({ type }) => type === 'step-failed').map(({ data }) => data)
    expect(failures[0]).toMatchObject({
      error: { code: 'PHLO_SOURCE_FAILED', message: 'The function of bronze.a failed: gone', location },
    })
  })

  it('fails an asset of whose rows none met the schema, or that is strict', async () => {
    const all = await project.run([ingested('bronze.a', { load: () => [{ bad: true }, { bad: true }] })])
    expect(all).toMatchObject({ status: 'failed', failedChecks: 1, error: { code: 'PHLO_INGEST_REJECTED' } })
    const some = { load: () => [{ id: 1 }, { bad: true }] }
    expect(await project.run([ingested('bronze.a', some)])).toMatchObject({ status: 'succeeded', failedChecks: 0 })
    expect(await project.run([ingested('bronze.a', { ...some, strict: true })])).toMatchObject({
      status: 'failed',
      error: { code: 'PHLO_INGEST_REJECTED', message: '1 of 2 rows of bronze.a were rejected: bad (1)' },
    })
  })

  it.each([
    ['undefined', undefined, 'undefined'],
    ['a text', 'rows', 'rows'],
    ['an object', { rows: [] }, 'an object'],
  ])('says so when a function gives %s instead of rows', async (_name, given, said) => {
    const outcome = await project.run([ingested('bronze.a', { load: () => given as never })])
    expect(outcome.error).toMatchObject({
      code: 'PHLO_WORKFLOW_INVALID',
      message: `The function of bronze.a gave ${said} instead of a source or rows`,
    })
  })

  it('checks against another table only once the run has written it', async () => {
    const reading = checked({ query: 'id NOT IN (SELECT id FROM gold.z) AND fails(0)' }, { name: 'refers' })
    const assets = [
      { ...model('gold.a', []), checks: [reading, checked({ rows: 'fails(0)' }, { name: 'own' })] },
      model('gold.z', ['gold.a']),
    ]
    expect(await project.run(assets)).toMatchObject({ status: 'succeeded', checks: 2 })
    const order = project.events
      .filter(({ type }) => type === 'step-finished' || type === 'check-finished')
      .map(({ data }) => {
        const { step, check } = data as { step?: { asset: string }; check?: { name: string } }
        return step?.asset ?? check?.name
      })
    expect(order).toEqual(['gold.a', 'own', 'gold.z', 'refers'])
  })

  it('names the kinds of source that there are when an asset reads from another', async () => {
    const source = { kind: 'static', spec: { kind: 'file', options: {} } } as const
    const files = { kind: 'files', read: async () => ({ inputs: [] }), version: async () => undefined }
    const outcome = await project.run([ingested('bronze.a', { source })], {}, { sources: [files] })
    expect(outcome.error).toMatchObject({
      code: 'PHLO_PORT_MISSING',
      hint: 'Did you mean files? Known: files. Add the plugin under plugins in phlo.yaml.',
    })
  })

  it('commits the source’s cursor with the data and hands it to the next read', async () => {
    const seen: unknown[] = []
    const source = {
      kind: 'log',
      read: async (_options: unknown, { cursor }: { cursor?: unknown }) => {
        seen.push(cursor)
        return { inputs: [], cursor: () => ({ offset: seen.length }) }
      },
      version: async () => undefined,
    }
    const given = { source: { kind: 'static', spec: { kind: 'log', options: {} } } } as const
    const assets = [ingested('bronze.a', { ...given, strategy: { kind: 'append' } })]
    await project.run(assets, {}, { sources: [source] })
    const failing = [{ ...assets[0]!, checks: [checked({ rows: 'fails(1)' })] }]
    await project.run(failing, {}, { sources: [source] })
    await project.run(assets, {}, { sources: [source] })
    // The failed run's cursor went with its branch.
    expect(seen).toEqual([undefined, { offset: 1 }, { offset: 1 }])
    // Whatever is replaced as a whole is read as a whole.
    await project.run([ingested('bronze.a', given)], {}, { sources: [source] })
    expect(seen.at(-1)).toBeUndefined()
  })
})

describe('publishing', () => {
  it('goes on when main moved elsewhere meanwhile', async () => {
    project.engine.beforeWrite = async ({ name }) => {
      project.engine.beforeWrite = () => undefined
      if (name === 'a') await project.engine.write(table('bronze.other'), 'main', [{ id: 7 }])
    }
    expect(await project.run([ingested('bronze.a')])).toMatchObject({ status: 'succeeded' })
    expect(await project.engine.rows('bronze.a')).toHaveLength(3)
    expect(await project.engine.rows('bronze.other')).toEqual([{ id: 7 }])
  })

  it('looks again when main moves between the look and the merge', async () => {
    let merges = 0
    const catalog = withMethods(project.catalog, {
      merge: async (from, into, options) => {
        if (++merges <= 3) await project.engine.write(table(`bronze.other_${'abc'[merges - 1] ?? ''}`), 'main', [])
        return project.catalog.merge(from, into, options)
      },
    })
    expect(await project.run([ingested('bronze.a')], {}, { catalog })).toMatchObject({ status: 'succeeded' })
    expect(merges).toBe(4)
  })

  it('finds a conflict that comes between the look and the merge', async () => {
    const catalog = withMethods(project.catalog, {
      merge: async (from, into, options) => {
        await project.engine.write(table('bronze.a'), 'main', [{ id: 7 }])
        return project.catalog.merge(from, into, options)
      },
    })
    expect(await project.run([ingested('bronze.a')], {}, { catalog })).toMatchObject({
      status: 'failed',
      error: { code: 'PHLO_MERGE_CONFLICT' },
    })
    expect(await project.engine.rows('bronze.a')).toEqual([{ id: 7 }])
  })

  it('gives up when others are always quicker', async () => {
    const head = await project.head()
    const catalog = withMethods(project.catalog, {
      merge: async () => {
        throw new PhloError('PHLO_COMMIT_CONFLICT', 'main moved', { retryable: true })
      },
    })
    const outcome = await project.run([ingested('bronze.a')], {}, { catalog })
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'PHLO_COMMIT_CONFLICT' } })
    await expectUnpublished(outcome, head)
  })

  it('stands when only the branch cannot be deleted', async () => {
    const catalog = withMethods(project.catalog, {
      deleteRef: async () => {
        throw new PhloError('PHLO_STORAGE_FAILED', 'the store is away')
      },
    })
    const outcome = await project.run([ingested('bronze.a')], {}, { catalog })
    expect(outcome).toMatchObject({ status: 'succeeded', publishedCommit: await project.head() })
    expect(recordOf(outcome)).toMatchObject({ status: 'succeeded' })
    expect(await project.branches()).toEqual([outcome.branch])
  })

  it('waits for the permission, and does not happen without it', async () => {
    const head = await project.head()
    const refused = Promise.reject(new PhloError('PHLO_WORKFLOW_INVALID', 'a type is wrong'))
    const outcome = await project.run([ingested('bronze.a')], { permission: refused })
    expect(outcome).toMatchObject({
      status: 'failed',
      error: { code: 'PHLO_WORKFLOW_INVALID', message: 'a type is wrong' },
    })
    await expectUnpublished(outcome, head)
    let given = false
    const permission = new Promise<void>((resolve) =>
      setTimeout(() => {
        given = true
        resolve()
      }, 20),
    )
    const allowed = await project.run([ingested('bronze.a')], { permission })
    expect({ status: allowed.status, given }).toEqual({ status: 'succeeded', given: true })
  })

  it('does not leave a refusal unheard when the run never asks for it', async () => {
    const unheard: unknown[] = []
    const listener = (reason: unknown) => unheard.push(reason)
    process.on('unhandledRejection', listener)
    try {
      await project.run([], { permission: Promise.reject(new Error('a type is wrong')) })
      await new Promise((resolve) => setImmediate(resolve))
    } finally {
      process.off('unhandledRejection', listener)
    }
    expect(unheard).toEqual([])
  })
})

describe('cancelling a run', () => {
  it('between steps leaves main as it was, and the branch', async () => {
    const head = await project.head()
    const controller = new AbortController()
    project.engine.beforeWrite = ({ name }) => {
      if (name === 'b') controller.abort()
    }
    const outcome = await project.run([ingested('bronze.a'), ingested('bronze.b'), ingested('bronze.c')], {
      signal: controller.signal,
    })
    expect(outcome).toMatchObject({ status: 'cancelled', steps: 1, error: { code: 'PHLO_RUN_CANCELLED' } })
    await expectUnpublished(outcome, head)
    expect(recordOf(outcome)).toMatchObject({ status: 'cancelled' })
    expect(project.engine.ingested.map(({ target }) => target.name)).toEqual(['a', 'b'])
  })

  it('during its checks or while it waits for the permission publishes nothing', async () => {
    const head = await project.head()
    const checking = new AbortController()
    const listener = {
      name: 'canceller',
      onEvent: ({ type }: { type: string }) => {
        if (type === 'step-finished') checking.abort()
      },
    }
    const first = await project.run(
      [ingested('bronze.a', { checks: [checked({ rows: 'fails(0)' })] })],
      { signal: checking.signal },
      { listeners: [listener] },
    )
    expect(first.status).toBe('cancelled')
    const waiting = new AbortController()
    const second = await project.run([ingested('bronze.a')], {
      signal: waiting.signal,
      permission: Promise.resolve()
        .then(() => new Promise((resolve) => setTimeout(resolve, 10)))
        .then(() => waiting.abort()),
    })
    expect(second.status).toBe('cancelled')
    expect(await project.head()).toBe(head)
  })
})

describe('failures of the run itself', () => {
  it('are thrown, recorded, and told to listeners', async () => {
    const catalog = withMethods(project.catalog, {
      createRef: async () => {
        throw new PhloError('PHLO_STORAGE_FAILED', 'the store is away')
      },
    })
    await expect(project.run([ingested('bronze.a')], {}, { catalog })).rejects.toMatchObject({
      code: 'PHLO_STORAGE_FAILED',
    })
    expect([...project.state.runs.values()]).toMatchObject([
      { status: 'failed', error: { code: 'PHLO_STORAGE_FAILED', message: 'the store is away' } },
    ])
    expect(project.heard()).toEqual(['run-finished'])
  })

  it('of the state store keep the run from being published', async () => {
    const head = await project.head()
    project.state.failure = new PhloError('PHLO_STATE_FAILED', 'the disk is full')
    await expect(project.run([ingested('bronze.a')])).rejects.toMatchObject({ code: 'PHLO_STATE_FAILED' })
    expect(await project.head()).toBe(head)
    expect([...project.state.runs.values()]).toMatchObject([{ status: 'failed' }])
  })

  it('of a listener are an event for the others, and no failure of the run', async () => {
    const broken = {
      name: 'broken',
      onEvent: () => {
        throw new Error('no network')
      },
    }
    const outcome = await project.run([model('gold.m', [])], {}, { listeners: [broken, project] })
    expect(outcome.status).toBe('succeeded')
    const failures = project.events.filter(({ type }) => type === 'listener-failed')
    expect(failures.length).toBeGreaterThan(0)
    expect(failures[0]?.data).toEqual({
      listener: 'broken',
      error: { code: 'PHLO_INTERNAL', message: 'no network' },
    })
    const numbers = (await project.state.listEvents(outcome.runId)).map(({ seq }) => seq)
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    expect(new Set(numbers).size).toBe(numbers.length)
  })
})

describe('runs before', () => {
  const daysAgo = (days: number) => newRunId(new Date(Date.now() - days * 86_400_000))

  async function earlier(id: string, given: Partial<RunRecord> = {}): Promise<void> {
    await project.catalog.createRef(`pipeline-run-${id}`)
    await project.state.putRun({
      id,
      profile: 'local',
      status: 'failed',
      startedAt: 0,
      heartbeatAt: 0,
      owner: 'there:2',
      selection: '',
      ...given,
    })
  }

  it('lose their branches once their retention is over, unless they still run', async () => {
    const [old, recent, running, unknown] = [daysAgo(8), daysAgo(6), daysAgo(9), daysAgo(30)]
    await earlier(old)
    await earlier(recent)
    await earlier(running, { status: 'running', heartbeatAt: Date.now() })
    await project.catalog.createRef(`pipeline-run-${unknown}`)
    await project.catalog.createRef('pipeline-run-by-hand')
    await project.catalog.createRef('mine')
    const tag = `pipeline-run-${daysAgo(20)}`
    await project.catalog.createRef(tag, { type: 'tag' })
    await project.run([model('gold.m', [])])
    expect((await project.branches()).sort()).toEqual(
      ['mine', 'pipeline-run-by-hand', `pipeline-run-${running}`, `pipeline-run-${recent}`, tag].sort(),
    )
  })

  it('are found by templates that hold the id twice or special characters', async () => {
    const audit = { branch: 'r+{run_id}.x/{run_id}', keepFailed: 1000 }
    const [one, other] = [daysAgo(1), daysAgo(2)]
    await project.catalog.createRef(`r+${one}.x/${one}`)
    await project.catalog.createRef(`r+${one}.x/${other}`)
    await project.run([model('gold.m', [])], {}, { audit })
    expect(await project.branches()).toEqual([`r+${one}.x/${other}`])
  })

  it('whose process is gone are marked by what main shows of them', async () => {
    const published = await project.run([ingested('bronze.a')])
    const record = recordOf(published)
    if (!record) throw new Error('no record')
    const { publishedCommit, finishedAt: _, ...rest } = record
    await project.state.putRun({ ...rest, status: 'running', owner: 'there:2' })
    await project.state.putRun({ ...rest, id: daysAgo(0), status: 'running', owner: 'there:3' })
    await project.state.putRun({ ...rest, id: 'silent', status: 'running', heartbeatAt: Date.now() - 61_000 })
    await project.state.putRun({ ...rest, id: 'living', status: 'running', heartbeatAt: Date.now() })
    project.gone.add('there:2').add('there:3')
    await project.run([])
    const statuses = [...project.state.runs.values()].map(({ id, status, publishedCommit: commit }) => [
      id,
      status,
      commit,
    ])
    expect(statuses).toEqual([
      [published.runId, 'succeeded', publishedCommit],
      [expect.stringMatching(/^\d{8}t/), 'interrupted', undefined],
      ['silent', 'interrupted', undefined],
      ['living', 'running', undefined],
    ])
  })
})
