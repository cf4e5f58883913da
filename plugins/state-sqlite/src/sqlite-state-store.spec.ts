import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { stateStoreContract } from '@phlo/ports/testing'
import { SqliteStateStore } from './sqlite-state-store.js'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-state-'))
  file = path.join(folder, 'deep', 'state.db')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const files = new WeakMap<object, string>()
stateStoreContract(
  'sqlite',
  {
    create: async () => {
      const own = path.join(await mkdtemp(path.join(folder, 'contract-')), 'state.db')
      const store = new SqliteStateStore(own)
      files.set(store, own)
      return store
    },
    reopen: async (store) => new SqliteStateStore(files.get(store) as string),
  },
  { describe, it },
)

const run = (id: string, startedAt = 1) => ({
  id,
  profile: 'local',
  status: 'running' as const,
  startedAt,
  heartbeatAt: startedAt,
  owner: 'host:1',
  selection: 'everything',
})
const event = (seq: number) => ({ seq, time: seq, type: 'step', data: { seq } })

/** A process that runs JavaScript with the SQLite library and the file's path at hand. */
function process_(code: string): ChildProcess {
  const library = createRequire(import.meta.url).resolve('libsql')
  const source = `
    const Sqlite = require(${JSON.stringify(library)})
    const file = ${JSON.stringify(file)}
    const ready = () => process.stdout.write('ready\\n')
    ${code}`
  return spawn(process.execPath, ['-e', source], { stdio: ['pipe', 'pipe', 'inherit'] })
}

async function ready(child: ChildProcess): Promise<void> {
  if (child.stdout) await once(child.stdout, 'data')
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

describe('several processes on one file', () => {
  /** Writes as the store does, a transaction for each, and says how many. */
  const writer = (name: string, rounds: number) =>
    process_(`
      const database = new Sqlite(file)
      database.exec('PRAGMA busy_timeout = 20000')
      database.exec('PRAGMA journal_mode = WAL')
      ready()
      process.stdin.once('data', () => {
        const insert = database.prepare('INSERT INTO run_events (run_id, seq, time, type, data) VALUES (?, ?, 0, ?, ?)')
        for (let seq = 1; seq <= ${rounds}; seq++)
          database.transaction(() => { insert.run('${name}', seq, 'step', '1'); insert.run('${name}', -seq, 'step', '2') })()
        process.exit(0)
      })`)

  it('lose no write, and neither does a store that writes at the same time', async () => {
    const store = new SqliteStateStore(file)
    await store.listRuns()
    const children = ['a', 'b', 'c'].map((name) => writer(name, 60))
    await Promise.all(children.map(ready))
    for (const child of children) child.stdin?.write('go\n')
    for (let round = 0; round < 60; round++) {
      await store.putRun(run(`r${round}`))
      await store.appendEvents('own', [event(round), event(1000 + round)])
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(children.map(ended))
    expect(children.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0])
    for (const name of ['a', 'b', 'c', 'own']) expect(await store.listEvents(name)).toHaveLength(120)
    expect(await store.listRuns()).toHaveLength(60)
    await store.close()
  })

  it('may all be the first to open it', async () => {
    const stores = Array.from({ length: 6 }, () => new SqliteStateStore(file))
    await Promise.all(stores.map((store, index) => store.putRun(run(`r${index}`))))
    for (const store of stores) expect(await store.listRuns()).toHaveLength(6)
    for (const store of stores) await store.close()
  })

  it('see nothing of a write that its process did not finish, and can write on', async () => {
    const store = new SqliteStateStore(file)
    await store.putRun(run('r'))
    await store.appendEvents('r', [event(1)])
    const child = process_(`
      const database = new Sqlite(file)
      database.exec('BEGIN IMMEDIATE')
      for (let seq = 2; seq < 2000; seq++)
        database.prepare("INSERT INTO run_events VALUES ('r', ?, 0, 'step', '1')").run(seq)
      ready()
      setInterval(() => {}, 1000)`)
    await ready(child)
    expect(await store.listEvents('r')).toEqual([event(1)])
    child.kill('SIGKILL')
    await ended(child)
    await store.appendEvents('r', [event(2)])
    expect(await store.listEvents('r')).toEqual([event(1), event(2)])
    await store.close()
    const again = new SqliteStateStore(file)
    expect(await again.listEvents('r')).toEqual([event(1), event(2)])
    await again.close()
  })

  it('keep what was acknowledged when they are killed', async () => {
    const store = new SqliteStateStore(file)
    await store.putRun(run('r'))
    await store.close()
    const child = process_(`
      const database = new Sqlite(file)
      database.exec('PRAGMA busy_timeout = 20000')
      database.prepare("INSERT INTO run_events VALUES ('r', 1, 0, 'step', '1')").run()
      ready()
      setInterval(() => {}, 1000)`)
    await ready(child)
    child.kill('SIGKILL')
    await ended(child)
    const again = new SqliteStateStore(file)
    expect(await again.listEvents('r')).toHaveLength(1)
    await again.close()
  })

  it('wait for one that writes', async () => {
    const store = new SqliteStateStore(file)
    await store.putRun(run('r'))
    const child = process_(`
      const database = new Sqlite(file)
      database.exec('BEGIN IMMEDIATE')
      database.prepare("INSERT INTO run_events VALUES ('r', 1, 0, 'step', '1')").run()
      ready()
      setTimeout(() => { database.exec('COMMIT'); process.exit(0) }, 300)`)
    await ready(child)
    await store.appendEvents('r', [event(2)])
    await ended(child)
    expect((await store.listEvents('r')).map(({ seq }) => seq)).toEqual([1, 2])
    await store.close()
  })

  it('say so, as something to try again, when another one writes for too long, and go on afterwards', async () => {
    const store = new SqliteStateStore(file, { patience: 100 })
    await store.putRun(run('r'))
    const child = process_(`
      const database = new Sqlite(file)
      database.exec('BEGIN IMMEDIATE')
      ready()
      setInterval(() => {}, 1000)`)
    await ready(child)
    await expect(store.putRun(run('other'))).rejects.toMatchObject({
      code: 'PHLO_STATE_FAILED',
      retryable: true,
      hint: 'Another process holds it; try again.',
    })
    expect(await store.getRun('r')).toEqual(run('r'))
    child.kill('SIGKILL')
    await ended(child)
    await store.putRun(run('other'))
    expect(await store.getRun('other')).toEqual(run('other'))
    await store.close()
  })
})

describe('a file that cannot be used', () => {
  const refused = {
    code: 'PHLO_STATE_FAILED',
    retryable: false,
    message: expect.stringContaining('state.db') as unknown,
  }

  it('is named when it is no database, and used once it is out of the way', async () => {
    await new SqliteStateStore(file).close()
    const store = new SqliteStateStore(path.join(folder, 'state.db'))
    await writeFile(
      path.join(folder, 'state.db'),
      'this is no database, and long enough to look like one\n'.repeat(200),
    )
    await expect(store.listRuns()).rejects.toMatchObject(refused)
    await expect(store.putRun(run('r'))).rejects.toMatchObject(refused)
    await rm(path.join(folder, 'state.db'))
    await store.putRun(run('r'))
    expect(await store.listRuns()).toHaveLength(1)
    await store.close()
  })

  it('is named when it is damaged', async () => {
    const store = new SqliteStateStore(file)
    for (let index = 0; index < 200; index++) await store.putRun({ ...run(`r${index}`), selection: 'x'.repeat(500) })
    await store.close()
    // Everything into the file itself, and then half of it away.
    await ended(process_(`new Sqlite(file).exec('PRAGMA wal_checkpoint(TRUNCATE)'); process.exit(0)`))
    await truncate(file, Math.floor((await stat(file)).size / 2))
    const again = new SqliteStateStore(file)
    await expect(again.listRuns()).rejects.toMatchObject(refused)
    await again.close()
  })

  it('is named when a newer version has written it, and is left as it is', async () => {
    const store = new SqliteStateStore(file)
    await store.putRun(run('r'))
    await store.close()
    const child = process_(
      `const database = new Sqlite(file); database.exec('PRAGMA user_version = 99'); process.exit(0)`,
    )
    await ended(child)
    const again = new SqliteStateStore(file)
    await expect(again.listRuns()).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('it is of version 99') as unknown,
    })
    await again.close()
    const back = process_(
      `const database = new Sqlite(file); database.exec('PRAGMA user_version = 2'); process.exit(0)`,
    )
    await ended(back)
    const last = new SqliteStateStore(file)
    expect(await last.getRun('r')).toEqual(run('r'))
    await last.close()
  })

  it('is brought up when an older version has written it', async () => {
    const store = new SqliteStateStore(file)
    await store.putRun(run('r'))
    await store.close()
    const child = process_(
      `const database = new Sqlite(file); database.exec('DROP TABLE check_results; PRAGMA user_version = 1'); process.exit(0)`,
    )
    await ended(child)
    const again = new SqliteStateStore(file)
    expect(await again.listChecks()).toEqual([])
    expect(await again.getRun('r')).toEqual(run('r'))
    await again.close()
  })

  it('is named when it is a folder, or its folder cannot be made', async () => {
    await expect(new SqliteStateStore(folder).listRuns()).rejects.toMatchObject({ code: 'PHLO_STATE_FAILED' })
    await writeFile(path.join(folder, 'plain'), '')
    await expect(new SqliteStateStore(path.join(folder, 'plain', 'state.db')).listRuns()).rejects.toMatchObject({
      code: 'PHLO_STATE_FAILED',
    })
  })
})
