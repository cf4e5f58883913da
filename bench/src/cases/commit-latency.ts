import { rm } from 'node:fs/promises'
import path from 'node:path'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { fileContent, TableTransaction } from '@phlo/iceberg'
import type { CatalogChange, RowSchema, TableIdentifier } from '@phlo/ports'
import { LocalObjectStore } from '@phlo/storage-local'
import { BenchError } from '../bench-error.js'
import type { BenchCase, CaseContext, Findings } from '../case.js'
import { latencyMeasure } from '../latency-measure.js'
import { DurableCreate } from '../participants/durable-create.js'
import { rotated } from '../rounds.js'
import { median } from '../statistics.js'

/** Commits of each kind in a round. */
const commitsPerRound = 100

const rows: RowSchema = {
  columns: [
    { name: 'id', type: 'long', required: true, optional: false, rules: [], unique: false },
    { name: 'name', type: 'string', required: false, optional: false, rules: [], unique: false },
  ],
}

/** Something that is durable when it resolves. */
interface Kind {
  readonly name: string
  readonly what: string
  readonly once: (count: number) => Promise<void>
  /** Throws when what was acknowledged is not there. */
  readonly verify: () => Promise<void>
}

/** How long one small change of a table takes until it is durable and visible. */
export const commitLatency: BenchCase = {
  name: 'commit-latency',
  description: 'one small commit to the embedded catalog, beside one durable file',
  rows: undefined,
  needsPython: false,
  async run({ workplace, runs, report }: CaseContext): Promise<Findings> {
    const times = new Map<string, number[][]>()
    let kinds: readonly Kind[] = []
    for (let round = 0; round < runs; round++) {
      const folder = path.join(workplace.work, 'commits')
      kinds = [
        await durableCreate(path.join(folder, 'plain')),
        ...(await commits(path.join(folder, 'one'), 1)),
        ...(await commits(path.join(folder, 'hundred'), 100)),
      ]
      const roundTimes = await oneRound(kinds)
      for (const [name, milliseconds] of roundTimes) times.set(name, [...(times.get(name) ?? []), milliseconds])
      await rm(folder, { recursive: true })
      report(`round ${round + 1} of ${runs}`)
    }
    const [plain] = kinds
    const yardstick = median((times.get((plain as Kind).name) as number[][]).map(median))
    return {
      yardstick: (plain as Kind).name,
      measures: kinds.map((kind) => latencyMeasure(kind, times.get(kind.name) as number[][], yardstick)),
      targets: [],
    }
  },
}

/** Each kind in turn, a hundred times. */
async function oneRound(kinds: readonly Kind[]): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>(kinds.map(({ name }) => [name, []]))
  for (let count = 0; count < commitsPerRound; count++) {
    for (const kind of rotated(kinds, count)) {
      const startedAt = performance.now()
      await kind.once(count)
      times.get(kind.name)?.push(performance.now() - startedAt)
    }
  }
  for (const kind of kinds) await kind.verify()
  return times
}

async function durableCreate(folder: string): Promise<Kind> {
  const disk = await DurableCreate.in(folder)
  const { name, what } = disk
  const once = async () => {
    disk.once()
  }
  return { name, what, once, verify: async () => undefined }
}

/** Commits to one table of a catalog with that many tables. */
async function commits(folder: string, tables: number): Promise<Kind[]> {
  const store = await LocalObjectStore.open(folder)
  const catalog = await EmbeddedCatalog.open(store)
  const identifiers = Array.from({ length: tables }, (_, index): TableIdentifier => ({
    namespace: ['bronze'],
    name: `table_${index}`,
  }))
  const create = identifiers.map((identifier): CatalogChange => {
    const location = catalog.newTableLocation(identifier)
    const { requirements, updates } = TableTransaction.create(store, { location, rows, partitioning: [] })
    return { kind: 'table', identifier, requirements, updates }
  })
  await catalog.commit([{ kind: 'create-namespace', namespace: ['bronze'] }, ...create], { message: 'Tables' })
  const identifier = identifiers[Math.floor(tables / 2)] as TableIdentifier
  let committed = 0

  const commit = async (change: (transaction: TableTransaction) => Promise<unknown>) => {
    const table = await catalog.loadTable(identifier)
    if (!table) throw new BenchError('The table is not there')
    const transaction = TableTransaction.change(store, table.metadata)
    await change(transaction)
    const { requirements, updates } = transaction
    await catalog.commit([{ kind: 'table', identifier, requirements, updates }], { message: 'Small' })
    committed++
  }
  const verify = async () => {
    const reopened = await EmbeddedCatalog.open(await LocalObjectStore.open(folder))
    let found = 0
    for await (const { message } of reopened.log('main')) if (message === 'Small') found++
    if (found !== committed) throw new BenchError(`${committed} commits were acknowledged, ${found} are in the history`)
  }
  const suffix = tables === 1 ? '1-table' : `${tables}-tables`
  const among = tables === 1 ? 'the only table' : `one of ${tables} tables`
  return [
    {
      name: `property-${suffix}`,
      what: `a property of ${among}: a metadata file, a tree page, a commit, the ref`,
      once: (count) => commit(async (transaction) => transaction.setProperties({ count: String(count) })),
      verify,
    },
    {
      name: `append-${suffix}`,
      what: `a data file appended to ${among}: also a manifest and a manifest list`,
      once: (count) =>
        commit((transaction) =>
          transaction.addSnapshot({
            add: [
              {
                content: fileContent.data,
                specId: 0,
                path: `${transaction.metadata.location}/data/${count}.parquet`,
                format: 'PARQUET',
                partition: [],
                recordCount: 1,
                fileSize: 1024,
              },
            ],
          }),
        ),
      verify,
    },
  ]
}
