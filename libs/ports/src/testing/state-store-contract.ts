import assert from 'node:assert/strict'
import type { CheckRecord, RunEventRecord, RunRecord, RunStatus, StateStore } from '../state-store.js'
import type { TestRunner } from './runner.js'

const run = (id: string, startedAt: number, status: RunStatus = 'running'): RunRecord => ({
  id,
  profile: 'local',
  status,
  startedAt,
  heartbeatAt: startedAt,
  owner: 'host:1',
  selection: 'everything',
})

const event = (seq: number, data: unknown = { seq }): RunEventRecord => ({ seq, time: 1000 + seq, type: 'step', data })

const idsOf = (runs: readonly RunRecord[]) => runs.map(({ id }) => id)

const found = (time: number, given: Partial<CheckRecord> = {}): CheckRecord => ({
  time,
  asset: 'bronze.a',
  check: 'range',
  ref: 'main',
  published: true,
  status: 'passed',
  result: { time },
  ...given,
})

/**
 * What every StateStore must do.
 *
 * @param options.create - gives a fresh, empty store each time.
 * @param options.reopen - gives a second client of the same store; both are closed by the suite. Every store that
 * outlives its process has one; without it the tests of what several clients see are left out.
 */
export function stateStoreContract(
  name: string,
  options: {
    readonly create: () => Promise<StateStore>
    readonly reopen?: (store: StateStore) => Promise<StateStore>
  },
  { describe, it }: TestRunner,
): void {
  describe(`StateStore contract: ${name}`, () => {
    const using = (title: string, body: (store: StateStore) => Promise<void>) =>
      it(title, async () => {
        const store = await options.create()
        try {
          await body(store)
        } finally {
          await store.close()
        }
      })
    const { reopen } = options
    const usingTwo = (title: string, body: (one: StateStore, other: StateStore) => Promise<void>) => {
      if (!reopen) return
      using(title, async (store) => {
        const other = await reopen(store)
        try {
          await body(store, other)
        } finally {
          await other.close()
        }
      })
    }

    using('starts without runs and events', async (store) => {
      assert.deepEqual(await store.listRuns(), [])
      assert.equal(await store.getRun('none'), undefined)
      assert.deepEqual(await store.listEvents('none'), [])
    })

    using('gives a run back as it was put', async (store) => {
      const whole: RunRecord = {
        ...run('r', 5, 'failed'),
        finishedAt: 9,
        branch: 'pipeline-run-r',
        publishedCommit: 'c1',
        error: { code: 'PHLO_CHECK_FAILED', message: 'a „quoted“ text, \n line and \u0001' },
        summary: { steps: 1, rows: 9_007_199_254_740_991, checks: 2, failedChecks: 1 },
      }
      await store.putRun(whole)
      assert.deepEqual(await store.getRun('r'), whole)
      assert.deepEqual(await store.listRuns(), [whole])
    })

    using('replaces a run that is put again, fields that went included', async (store) => {
      await store.putRun({ ...run('r', 5), branch: 'b' })
      await store.putRun(run('r', 5, 'succeeded'))
      assert.deepEqual(await store.getRun('r'), run('r', 5, 'succeeded'))
      assert.deepEqual(idsOf(await store.listRuns({ status: 'running' })), [])
      assert.deepEqual(idsOf(await store.listRuns({ status: 'succeeded' })), ['r'])
    })

    using('lists the newest runs first, by status and up to a limit', async (store) => {
      await store.putRun(run('b', 20, 'failed'))
      await store.putRun(run('a', 30))
      await store.putRun(run('c', 10))
      assert.deepEqual(idsOf(await store.listRuns()), ['a', 'b', 'c'])
      assert.deepEqual(idsOf(await store.listRuns({ limit: 2 })), ['a', 'b'])
      assert.deepEqual(idsOf(await store.listRuns({ limit: 1, status: 'running' })), ['a'])
      assert.deepEqual(idsOf(await store.listRuns({ status: 'running' })), ['a', 'c'])
      assert.deepEqual(idsOf(await store.listRuns({ limit: 0 })), [])
    })

    using('gives events back in the order of seq, those above the one that is known', async (store) => {
      await store.putRun(run('r', 1))
      const nested = { list: [1, null, 'é'], inner: { text: '表', big: 1e300 } }
      await store.appendEvents('r', [event(2), event(1, nested)])
      await store.appendEvents('r', [])
      await store.appendEvents('r', [event(10), event(3, null)])
      await store.appendEvents('other', [event(1)])
      assert.deepEqual(await store.listEvents('r'), [event(1, nested), event(2), event(3, null), event(10)])
      assert.deepEqual(await store.listEvents('r', { after: 2 }), [event(3, null), event(10)])
      assert.deepEqual(await store.listEvents('r', { after: 10 }), [])
    })

    using('gives every event when none is known, whatever the first seq', async (store) => {
      await store.appendEvents('r', [event(0), event(1)])
      assert.deepEqual(await store.listEvents('r'), [event(0), event(1)])
      assert.deepEqual(await store.listEvents('r', { after: 0 }), [event(1)])
    })

    using('appends all events of a call or none', async (store) => {
      await store.appendEvents('r', [event(1), event(2)])
      await assert.rejects(store.appendEvents('r', [event(3), event(2, 'again'), event(4)]))
      assert.deepEqual(await store.listEvents('r'), [event(1), event(2)])
    })

    using('gives what checks found back as it was kept, the newest first', async (store) => {
      assert.deepEqual(await store.listChecks(), [])
      const whole = found(5, {
        runId: 'r',
        ref: 'pipeline-run-r',
        published: false,
        status: 'failed',
        snapshotId: '9007199254740993',
        partitionKey: '2024-01-01',
        result: { metadata: { failed_count: 1, sample: [{ text: 'é „x“' }] } },
      })
      const others = [found(7), found(6), found(7, { check: 'null' })]
      await store.appendChecks([whole])
      await store.appendChecks([])
      await store.appendChecks(others)
      assert.deepEqual(await store.listChecks(), [others[2], others[0], others[1], whole])
      assert.deepEqual(await store.listChecks({ runId: 'r' }), [whole])
      assert.deepEqual(await store.listChecks({ published: false }), [whole])
      assert.deepEqual(await store.listChecks({ asset: 'bronze.a', check: 'null' }), [others[2]])
      assert.deepEqual(await store.listChecks({ asset: 'bronze.b' }), [])
      assert.deepEqual(await store.listChecks({ limit: 1 }), [others[2]])
    })

    using('gives the newest result of each check, partition or snapshot', async (store) => {
      const at = (time: number, partitionKey: string, snapshotId: string) => found(time, { partitionKey, snapshotId })
      const records = [
        at(1, 'monday', '1'),
        at(2, 'tuesday', '1'),
        at(3, 'monday', '2'),
        at(4, 'tuesday', '2'),
        found(5, { check: 'null' }),
        found(6, { asset: 'bronze.b' }),
        found(7, { published: false }),
      ]
      await store.appendChecks(records)
      const times = async (filter: Parameters<StateStore['listChecks']>[0]) =>
        (await store.listChecks(filter)).map(({ time }) => time)
      assert.deepEqual(await times({ newestOf: 'check' }), [7, 6, 5])
      assert.deepEqual(await times({ newestOf: 'check', published: true }), [6, 5, 4])
      const own = { asset: 'bronze.a', check: 'range', published: true }
      assert.deepEqual(await times({ ...own, newestOf: 'partition' }), [4, 3])
      assert.deepEqual(await times({ ...own, newestOf: 'snapshot' }), [4, 2])
      assert.deepEqual(await times({ ...own, newestOf: 'snapshot', limit: 1 }), [4])
    })

    using('takes calls that overlap', async (store) => {
      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          Promise.all([store.putRun(run(`r${index}`, index)), store.appendEvents('r', [event(index + 1)])]),
        ),
      )
      assert.equal((await store.listRuns()).length, 20)
      assert.deepEqual(
        (await store.listEvents('r')).map(({ seq }) => seq),
        Array.from({ length: 20 }, (_, index) => index + 1),
      )
    })

    usingTwo('shows every client what the others have written', async (one, other) => {
      await one.putRun(run('r', 1))
      await one.appendEvents('r', [event(1)])
      await one.appendChecks([found(1)])
      assert.deepEqual(await other.listChecks(), [found(1)])
      await other.putRun(run('r', 1, 'succeeded'))
      await other.appendEvents('r', [event(2)])
      assert.deepEqual(await one.getRun('r'), run('r', 1, 'succeeded'))
      assert.deepEqual(await one.listEvents('r'), [event(1), event(2)])
      assert.deepEqual(await other.listEvents('r'), [event(1), event(2)])
    })

    usingTwo('loses nothing when clients write at once', async (one, other) => {
      await Promise.all(
        [one, other].map(async (store, client) => {
          for (let round = 0; round < 25; round++) {
            await store.putRun(run(`${client}-${round}`, round))
            await store.appendEvents(`run-${client}`, [event(round)])
          }
        }),
      )
      assert.equal((await one.listRuns()).length, 50)
      assert.equal((await one.listEvents('run-1')).length, 25)
      assert.equal((await other.listEvents('run-0')).length, 25)
    })

    if (reopen) {
      it('keeps what was written when it is closed and opened again', async () => {
        const store = await options.create()
        await store.putRun(run('r', 1))
        await store.appendEvents('r', [event(1)])
        const other = await reopen(store)
        await store.close()
        try {
          assert.deepEqual(await other.getRun('r'), run('r', 1))
          assert.deepEqual(await other.listEvents('r'), [event(1)])
        } finally {
          await other.close()
        }
      })
    }

    it('may be closed twice', async () => {
      const store = await options.create()
      await store.close()
      await store.close()
    })
  })
}
