import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, it } from '@jest/globals'
import { type CommitInfo, mainBranch, type TableIdentifier } from '@phlo/ports'
import { newTable } from '@phlo/ports/testing'
import { LocalObjectStore } from '@phlo/storage-local'
import { EmbeddedCatalog } from './embedded-catalog.js'

const processes = 16
const commits = 200
const tables = ['orders', 'items', 'customers', 'returns'].map((name): TableIdentifier => ({
  namespace: ['shop'],
  name,
}))

const committer = new URL('./testing/racing-committer.mjs', import.meta.url)
const children: ChildProcessWithoutNullStreams[] = []
const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-race-'))
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

interface Acknowledged {
  readonly commit: string
  readonly message: string
  readonly snapshots: readonly string[]
}

it(`keeps every commit that ${processes} processes were promised, once, in one history`, async () => {
  const catalog = await EmbeddedCatalog.open(await LocalObjectStore.open(folder))
  await catalog.commit(
    [{ kind: 'create-namespace', namespace: ['shop'] }, ...tables.map((table) => newTable(catalog, table))],
    {
      message: 'tables',
    },
  )

  const racers = Array.from({ length: processes }, (_, index) => {
    const share = Math.floor(commits / processes) + (index < commits % processes ? 1 : 0)
    return startRacer(`p${index}`, share)
  })
  await Promise.all(racers.map(({ ready }) => ready))
  for (const { child } of racers) child.stdin.end()
  const acknowledged = (await Promise.all(racers.map(({ finished }) => finished))).flat()

  expect(acknowledged).toHaveLength(commits)
  const history: CommitInfo[] = []
  for await (const commit of catalog.log(mainBranch)) history.push(commit)
  const raced = history.filter(({ message }) => /^p\d+-\d+$/.test(message))
  expect(raced.map(({ id }) => id).sort()).toEqual(acknowledged.map(({ commit }) => commit).sort())
  expect(raced.map(({ message }) => message).sort()).toEqual(acknowledged.map(({ message }) => message).sort())
  // One line: nobody's parent was taken by two.
  for (const [index, commit] of history.entries()) {
    expect(commit.parents[0]).toBe(history[index + 1]?.id)
  }
  const chains = await Promise.all(tables.map((table) => snapshotChain(catalog, table)))
  expect(chains.flat().sort()).toEqual(acknowledged.flatMap(({ snapshots }) => snapshots).sort())
}, 600_000)

function startRacer(name: string, share: number) {
  const child = spawn(process.execPath, [committer.pathname, folder, name, String(share)])
  children.push(child)
  const acknowledged: Acknowledged[] = []
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const ready = new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      if (line === 'ready') resolve()
      else acknowledged.push(JSON.parse(line) as Acknowledged)
    })
    child.once('exit', () => reject(new Error(`${name} ended early: ${errors}`)))
  })
  const finished = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`${name} ended with ${String(code)}: ${errors}`)
    return acknowledged
  })
  return { child, ready, finished }
}

/** Ids of the snapshots from the current one back to the first. */
async function snapshotChain(catalog: EmbeddedCatalog, table: TableIdentifier): Promise<string[]> {
  const loaded = await catalog.loadTable(table)
  const snapshots = new Map(loaded?.metadata.snapshots?.map((snapshot) => [snapshot['snapshot-id'], snapshot]))
  const chain: string[] = []
  for (let id = loaded?.metadata['current-snapshot-id']; id !== undefined && id !== null && id !== -1n;) {
    chain.push(String(id))
    id = snapshots.get(id)?.['parent-snapshot-id']
  }
  return chain
}
