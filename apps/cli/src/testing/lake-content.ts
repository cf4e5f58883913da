import path from 'node:path'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { readRows } from '@phlo/core'
import { DuckDbHost, DuckDbOptions, DuckDbQueryEngine } from '@phlo/engine-duckdb'
import { formatIdentifier, mainBranch, type ObjectStore } from '@phlo/ports'
import { LocalObjectStore } from '@phlo/storage-local'

/** Every table of a branch with all its rows in an order of their own: equal lakes give equal contents. */
export async function lakeContent(projectDir: string, ref = mainBranch): Promise<Record<string, readonly string[]>> {
  const store = await LocalObjectStore.open(path.join(projectDir, '.phlo/lake'))
  try {
    return await lakeContentIn(store, path.join(projectDir, '.phlo/tmp'), ref)
  } finally {
    await store.close()
  }
}

/** The same of a lake in any store. */
export async function lakeContentIn(
  store: ObjectStore,
  scratch: string,
  ref = mainBranch,
): Promise<Record<string, readonly string[]>> {
  const catalog = await EmbeddedCatalog.open(store)
  const closed = { kind: 'closed', folders: async () => [await store.localRoot(), scratch] } as const
  const host = new DuckDbHost(DuckDbOptions.parse({}), closed, path.join(scratch, 'query'))
  const queries = new DuckDbQueryEngine(host, store, catalog, scratch)
  try {
    const content: Record<string, readonly string[]> = {}
    for (const table of await catalog.listTables({ ref })) {
      const name = queries.dialect.table(table)
      const rows = await readRows(await queries.query(`SELECT * FROM ${name}`, { ref }))
      content[formatIdentifier(table)] = rows.map((row) => JSON.stringify(row)).sort()
    }
    return content
  } finally {
    await queries.close()
    await catalog.close()
  }
}
