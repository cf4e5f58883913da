import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect } from '@jest/globals'
import { type CatalogChange, type CommitInfo, mainBranch, type ReflogEntry } from '@phlo/ports'
import { newTable } from '@phlo/ports/testing'
import type { EmbeddedCatalog } from '../embedded-catalog.js'
import { type Operation, violations } from './ref-history.js'
import { tableIn } from './small-tables.js'

const clients = 32
const killed = 2
const tables = ['a', 'b', 'c'].map(tableIn('shop'))
const program = new URL('./ref-client.mjs', import.meta.url)

/** What a client is told of the store: a folder, or a bucket's options and a folder for copies. */
export type ClientStore = { readonly folder: string } | { readonly bucket: unknown; readonly cache: string }

type Answer = Operation['answer'] | { readonly kind: 'merged'; readonly commit: string }
type Line = Omit<Operation, 'answer'> & { readonly answer?: Answer }

/**
 * Lets 32 processes, two of which are killed, do random operations on the branches of an empty catalog, and expects what
 * they were told to fit one order of moves of each branch, and the tables of every commit to hold what was put into them.
 */
export async function expectLinearizable(
  catalog: EmbeddedCatalog,
  store: ClientStore,
  operations: number,
  seed: number,
): Promise<void> {
  const creation: CatalogChange[] = [
    { kind: 'create-namespace', namespace: ['shop'] },
    ...tables.map((table) => newTable(catalog, table)),
  ]
  await catalog.commit(creation, { message: 'start' })
  await catalog.createRef('dev', { message: 'start' })
  const lines = await raceClients(store, operations, seed)
  const logs = new Map<string, ReflogEntry[]>()
  for (const ref of new Set(lines.map(({ ref: name }) => name))) logs.set(ref, await wholeLog(catalog, ref))
  for (const [ref, log] of logs) {
    const moves = log.map(({ message, from, to }) => ({ id: message, from, to }))
    const inLog = new Set(moves.map(({ id }) => id))
    const history = lines.filter((line) => line.ref === ref).map((line) => told(line, inLog))
    expect({ ref, violations: violations(moves, history) }).toEqual({ ref, violations: [] })
  }
  for (const ref of [mainBranch, 'dev']) await expectNothingLost(catalog, logs.get(ref) as ReflogEntry[])
  const answered = lines.filter(({ answer }) => answer !== undefined)
  // It is a test of concurrent work only as long as there is some of each kind.
  for (const kind of ['moved', 'merged', 'saw', 'refused'])
    expect(answered.filter(({ answer }) => answer?.kind === kind).length).toBeGreaterThan(clients / 4)
}

/** A merge that found nothing to do tells where its target stood. */
function told({ answer, ...line }: Line, inLog: ReadonlySet<string>): Operation {
  if (!answer) return line
  if (answer.kind !== 'merged') return { ...line, answer }
  return { ...line, answer: { kind: inLog.has(line.id) ? 'moved' : 'saw', commit: answer.commit } }
}

async function raceClients(store: ClientStore, operations: number, seed: number): Promise<Line[]> {
  const racers = Array.from({ length: clients }, (_, index) => {
    const options = { name: `p${index}`, operations, seed: seed + index, store }
    const child = spawn(process.execPath, [program.pathname, JSON.stringify(options)])
    const lines = new Map<string, Line>()
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    let calls = 0
    // The last ones are killed amid their work, each at another call.
    const lastCall = index < clients - killed ? Infinity : Math.ceil((operations * (1 + index - clients + killed)) / 3)
    const ready = new Promise<void>((resolve, reject) => {
      createInterface(child.stdout).on('line', (text) => {
        if (text === 'ready') return resolve()
        const line = JSON.parse(text) as Line
        lines.set(line.id, { ...lines.get(line.id), ...line })
        if (line.answer === undefined && ++calls === lastCall) child.kill('SIGKILL')
      })
      child.once('exit', () => reject(new Error(`p${index} ended early: ${errors}`)))
    })
    const finished = once(child, 'close').then(([code, signal]) => {
      const expected = lastCall === Infinity ? code === 0 : signal === 'SIGKILL'
      if (!expected) throw new Error(`p${index} ended with ${String(code ?? signal)}: ${errors}`)
      return [...lines.values()]
    })
    return { child, ready, finished }
  })
  try {
    await Promise.all(racers.map(({ ready }) => ready))
    for (const { child } of racers) child.stdin.end()
    return (await Promise.all(racers.map(({ finished }) => finished))).flat()
  } finally {
    for (const { child } of racers) child.kill('SIGKILL')
  }
}

/** Oldest first. */
async function wholeLog(catalog: EmbeddedCatalog, ref: string): Promise<ReflogEntry[]> {
  const entries: ReflogEntry[] = []
  try {
    for await (const entry of catalog.reflog(ref)) entries.unshift(entry)
  } catch (error) {
    // Nobody came to make it.
    if ((error as { code?: string }).code !== 'PHLO_REF_NOT_FOUND') throw error
  }
  return entries
}

/** Every move of a branch leaves on all three tables the marks that were there, and those that it brings. */
async function expectNothingLost(catalog: EmbeddedCatalog, log: readonly ReflogEntry[]): Promise<void> {
  const known = new Map<string, Set<string>>()
  const marksAt = async (commit: string): Promise<Set<string>> => {
    let marks = known.get(commit)
    if (!marks) {
      const all = await Promise.all(
        tables.map(async (table) => {
          const loaded = await catalog.loadTable(table, { ref: commit })
          return Object.keys(loaded?.metadata.properties ?? {})
            .filter((key) => /^p\d+-\d+$/.test(key))
            .sort()
        }),
      )
      expect([commit, all[1], all[2]]).toEqual([commit, all[0], all[0]])
      marks = new Set(all[0])
      known.set(commit, marks)
    }
    return marks
  }
  for (const { action, from, to, message } of log) {
    if (from === undefined || to === undefined) continue
    const wanted = new Set(await marksAt(from))
    if (action === 'merge') for (const mark of await marksAt(await sourceOf(catalog, from, to))) wanted.add(mark)
    else if (action === 'commit' && message !== 'start') wanted.add(message)
    expect([message, [...(await marksAt(to))].sort()]).toEqual([message, [...wanted].sort()])
  }
}

/** The commit that a merge brought in: its second parent, or where it only moved on, the one that it moved to. */
async function sourceOf(catalog: EmbeddedCatalog, from: string, to: string): Promise<string> {
  let merged: CommitInfo | undefined
  for await (const commit of catalog.log(to, { limit: 1 })) merged = commit
  return merged?.parents[0] === from && merged.parents[1] !== undefined ? merged.parents[1] : to
}
