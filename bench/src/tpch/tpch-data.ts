import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { planScan } from '@phlo/iceberg'
import { LocalObjectStore } from '@phlo/storage-local'
import { BenchError } from '../bench-error.js'
import { PhloProject } from '../phlo-project.js'
import { runProcess } from '../processes.js'
import type { PythonEnvironment } from '../python-environment.js'
import type { Workplace } from '../workplace.js'

/** Goes into the folders' names: change it with anything that changes the files. */
const generation = 1

/** Where the tables are in the lake, and in the queries. */
const namespace = 'bronze'

interface Column {
  readonly name: string
  /** In DuckDB's words. */
  readonly type: string
}

/** The input of TPC-H as files, made by DuckDB's own generator. */
interface Input {
  readonly folder: string
  readonly tables: Readonly<Record<string, readonly Column[]>>
  readonly queries: readonly string[]
}

/** The tables in a lake, and the Parquet files that they are made of. */
export interface TpchLake {
  readonly project: PhloProject
  /** The 22 queries, in order. */
  readonly queries: readonly string[]
  /** Paths of the data files by `namespace.table`. */
  readonly files: Readonly<Record<string, readonly string[]>>
}

async function tpchInput(
  { bench, cache }: Workplace,
  { python }: PythonEnvironment,
  scale: number,
  report: (line: string) => void,
): Promise<Input> {
  const folder = path.join(cache, 'bench-data', `tpch-${generation}-${scale}`)
  if (!existsSync(folder)) {
    report(`making the tables of scale ${scale}`)
    const unfinished = `${folder}.${process.pid}`
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { recursive: true })
    await runProcess(python, [path.join(bench, 'peers', 'tpch_make.py'), unfinished, String(scale), namespace])
    await rename(unfinished, folder)
  }
  const made = JSON.parse(await readFile(path.join(folder, 'tpch.json'), 'utf8')) as Omit<Input, 'folder'>
  return { folder, ...made }
}

/** A lake with the tables, taken in by `phlo run`. */
export async function tpchLake(
  workplace: Workplace,
  python: PythonEnvironment,
  scale: number,
  report: (line: string) => void,
): Promise<TpchLake> {
  const input = await tpchInput(workplace, python, scale, report)
  report('taking the tables into a lake')
  const project = await PhloProject.create(workplace, 'tpch', workflow(input))
  await project.phlo(['run'])
  const store = await LocalObjectStore.open(path.join(project.folder, '.phlo', 'lake'))
  const catalog = await EmbeddedCatalog.open(store)
  const files: Record<string, string[]> = {}
  for (const name of Object.keys(input.tables)) {
    const table = await catalog.loadTable({ namespace: [namespace], name })
    if (!table) throw new BenchError(`phlo run made no table ${name}`)
    const paths: string[] = []
    for await (const { file } of planScan(store, table.metadata)) {
      const key = store.key(file.path)
      if (key === undefined) throw new BenchError(`${file.path} is not in the lake`)
      paths.push(await store.localFile(key))
    }
    files[`${namespace}.${name}`] = paths
  }
  await store.close()
  return { project, queries: input.queries, files }
}

function workflow({ folder, tables }: Input): string {
  const ingestions = Object.entries(tables).map(([name, columns]) => {
    const fields = columns.map((column) => `    ${column.name}: ${fieldOf(column.type)},`)
    const file = JSON.stringify(path.join(folder, `${name}.parquet`))
    return `export const ${name} = ingestion(
  { name: '${name}', schema: z.object({\n${fields.join('\n')}\n  }) },
  files({ path: ${file} }),
)`
  })
  return `import { field, files, ingestion, z } from 'phlo'\n\n${ingestions.join('\n\n')}\n`
}

function fieldOf(type: string): string {
  const plain: Readonly<Record<string, string>> = {
    BIGINT: 'z.bigint()',
    INTEGER: 'z.int32()',
    DATE: 'z.iso.date()',
    VARCHAR: 'z.string()',
  }
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(type)
  if (decimal) return `field(z.number(), { type: 'decimal(${decimal[1]}, ${decimal[2]})' })`
  const found = plain[type]
  if (found === undefined) throw new BenchError(`TPC-H has a column of type ${type}`)
  return found
}
