import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  applyTransform,
  type DataFile,
  fileContent,
  lowerBound,
  parsePrimitive,
  parseTransform,
  serializeMetadata,
  TableTransaction,
  upperBound,
  type Value,
} from '@phlo/iceberg'
import { LocalObjectStore } from '@phlo/storage-local'
import { orderRows, orderTypes } from '../orders.js'
import { runProcess } from '../processes.js'
import type { PythonEnvironment } from '../python-environment.js'
import type { Workplace } from '../workplace.js'

/** Goes into the folders' names: change it with anything below that changes the tables. */
const generation = 1

export const filesPerDay = 100
const rowsPerFile = 50_000
const microsPerDay = 86_400_000_000n
/** 2022-01-01, as days since 1970. */
const firstDay = 18_993

/** How the entries of a table lie in manifests, and who wrote them. */
export type Layout =
  /** All in one manifest. */
  | 'one'
  /** A manifest for each day, which the manifest list tells apart. */
  | 'daily'
  /** All in one manifest, by PyIceberg, which makes a block of each entry. */
  | 'pyiceberg'

/** A table of metadata alone: nothing is where the entries say that the data files are. */
export interface PlanTable {
  /** Folder of the store that holds it. */
  readonly root: string
  /** The metadata file's path. */
  readonly metadata: string
}

interface Tools {
  readonly workplace: Workplace
  readonly python: PythonEnvironment
  readonly report: (line: string) => void
}

/** The table, made when it is not there from an earlier run. */
export async function planTable(tools: Tools, files: number, layout: Layout): Promise<PlanTable> {
  const { bench, cache } = tools.workplace
  const root = path.join(cache, 'bench-data', `plan-${generation}-${files}-${layout}`)
  // Names the metadata file, and stands for a table that is finished.
  const pointer = path.join(root, 'metadata-location')
  if (!existsSync(pointer)) {
    tools.report(`making the metadata of ${files} files, ${layout}`)
    await rm(root, { recursive: true, force: true })
    await mkdir(root, { recursive: true })
    let metadata: string
    if (layout === 'pyiceberg') {
      const ours = await planTable(tools, files, 'one')
      const script = path.join(bench, 'peers', 'pyiceberg_copy_entries.py')
      metadata = (await runProcess(tools.python.python, [script, ours.metadata, root])).stdout.trim()
    } else metadata = await writeTable(root, files, layout)
    await writeFile(`${pointer}.new`, metadata)
    await rename(`${pointer}.new`, pointer)
  }
  return { root, metadata: await readFile(pointer, 'utf8') }
}

async function writeTable(root: string, files: number, layout: Exclude<Layout, 'pyiceberg'>): Promise<string> {
  const store = await LocalObjectStore.open(root)
  const location = store.uri('orders')
  const transaction = TableTransaction.create(store, {
    location,
    rows: orderRows,
    partitioning: [{ column: 'happened_at', transform: 'day' }],
    // The layout is what is measured: commits are not to split or merge manifests.
    properties: { 'commit.manifest.target-size-bytes': String(2 ** 31), 'commit.manifest-merge.enabled': 'false' },
  })
  const perCommit = layout === 'one' ? files : filesPerDay
  for (let first = 0; first < files; first += perCommit) {
    const add = Array.from({ length: perCommit }, (_, index) => dataFile(location, first + index))
    await transaction.addSnapshot({ add })
  }
  const key = 'orders/metadata/v1.metadata.json'
  await store.put(key, serializeMetadata(transaction.metadata), { ifAbsent: true })
  await store.close()
  return path.join(root, key)
}

/** The statistics of a file of orders as engines write them: later files hold later orders with higher ids. */
function dataFile(location: string, index: number): DataFile {
  const chance = (salt: number) => (Math.imul(index * 31 + salt, 0x9e3779b1) >>> 0) / 2 ** 32
  const day = firstDay + Math.floor(index / filesPerDay)
  const from = BigInt(day) * microsPerDay + (microsPerDay * BigInt(index % filesPerDay)) / BigInt(filesPerDay)
  const hex = (value: number) =>
    Math.floor(value * 2 ** 32)
      .toString(16)
      .padStart(12, '0')
  const ranges: readonly (readonly [Value, Value])[] = [
    [BigInt(firstIdOf(index)), BigInt(firstIdOf(index + 1) - 1)],
    [1 + Math.floor(chance(1) * 5), 1000 - Math.floor(chance(2) * 5)],
    [chance(3) / 1e4, 1 - chance(4) / 1e4],
    [BigInt(Math.floor(chance(5) * 5000)), 10_000_000n - BigInt(Math.floor(chance(6) * 5000))],
    [false, true],
    [day, day],
    [from, from + 800_000_000n],
    ['cancelled', 'shipped'],
    [`ORD-${hex(chance(7) / 1e4)}`, `ORD-f${hex(1 - chance(8) / 1e4).slice(1)}`],
    [chance(9) / 100, 100 - chance(10) / 100],
  ]
  const columns = Object.values(orderTypes).map((type, index) => {
    const [lower, upper] = ranges[index] as (typeof ranges)[number]
    return { type: parsePrimitive(type), lower, upper }
  })
  const perColumn = <T>(value: (column: (typeof columns)[number], index: number) => T) =>
    new Map(columns.map((column, index) => [index + 1, value(column, index)]))
  const name = `${String(index).padStart(6, '0')}-${hex(chance(11))}-${hex(chance(12))}.parquet`
  return {
    content: fileContent.data,
    specId: 0,
    path: `${location}/data/happened_at_day=${new Date(day * 86_400_000).toISOString().slice(0, 10)}/${name}`,
    format: 'PARQUET',
    partition: [applyTransform(parseTransform('day'), { kind: 'timestamp' }, from)],
    recordCount: rowsPerFile,
    fileSize: 2_300_000 + Math.floor(chance(13) * 100_000),
    columnSizes: perColumn((_, index) => 20_000 + Math.floor(chance(20 + index) * 400_000)),
    valueCounts: perColumn(() => rowsPerFile),
    nullCounts: perColumn((_, index) => (index === 9 ? 5000 + Math.floor(chance(40) * 100) : 0)),
    nanCounts: new Map([2, 9].map((column) => [column + 1, 0])),
    lowerBounds: perColumn(({ type, lower }) => lowerBound(type, lower)),
    upperBounds: perColumn(({ type, upper }) => upperBound(type, upper) as Uint8Array),
    splitOffsets: [4],
    sortOrderId: 0,
  }
}

/** The lowest id among the rows of a file. */
export function firstIdOf(index: number): number {
  return index * rowsPerFile + 1
}

/** When the day of a file starts, as ISO 8601 without a zone. */
export function startOfDay(index: number): string {
  const day = firstDay + Math.floor(index / filesPerDay)
  return new Date(day * 86_400_000).toISOString().slice(0, 19)
}
