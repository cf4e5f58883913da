import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { RestCatalog, RestCatalogOptions } from '@phlo/catalog-rest'
import { runningServer } from '@phlo/stack'
import { MinioObjectStore, MinioStorageOptions } from '@phlo/storage-minio'
import { columns, Lake } from './lake.js'

const lakes: Lake[] = []
afterEach(async () => {
  for (const lake of lakes.splice(0)) await lake.close()
})

/** A store whose own keys are good for nothing, where the server keeps its tables. */
function keyless(prefix: string, folder: string): MinioObjectStore {
  const { endpoint, region, bucket } = runningServer('minio')
  const credentials = { accessKeyId: 'nobody', secretAccessKey: 'a-secret-of-nobody' }
  return new MinioObjectStore(
    MinioStorageOptions.parse({ endpoint, region, bucket, prefix, credentials, attempts: 2 }),
    path.join(folder, 'copies'),
  )
}

/** What a process of its own has of it. */
async function open(prefix: string, options: object): Promise<Lake> {
  const lake = await Lake.over(async (folder) => {
    const store = keyless(prefix, folder)
    return { store, catalog: await RestCatalog.open(RestCatalogOptions.parse(options), store) }
  })
  lakes.push(lake)
  return lake
}

/** Nessie at a branch of its own. */
async function nessie(): Promise<object> {
  const { api, iceberg, warehouse } = runningServer('nessie')
  const { noAncestorHash: hash } = (await (await fetch(`${api}/config`)).json()) as { noAncestorHash: string }
  const branch = `granted-${randomUUID()}`
  const made = await fetch(`${api}/trees?name=${branch}&type=BRANCH`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'DETACHED', hash }),
  })
  expect(made.status).toBe(200)
  return { uri: `${iceberg}/${branch}`, warehouse, accessDelegation: ['remote-signing'] }
}

describe.each([
  ['that signs its requests, Nessie', 'nessie', nessie],
  [
    'that hands out keys, the reference server',
    'iceberg-rest',
    async () => ({ uri: runningServer('iceberg-rest').uri, accessDelegation: ['vended-credentials'] }),
  ],
] as const)('A table with no keys but those of a catalog %s', (_, prefix, catalog) => {
  const schema = columns({ id: 'int', v: 'string' })
  const name = `granted_${randomUUID().replaceAll('-', '')}.t`

  it('is made where the server wants it, changed, and read by others', async () => {
    const options = await catalog()
    const lake = await open(prefix, options)
    await expect(lake.store.put('anywhere', Buffer.from('x'))).rejects.toMatchObject({ code: 'PHLO_STORAGE_FAILED' })

    await lake.ingest(name, schema, [{ id: 1, v: 'a' }])
    const { metadata } = await lake.load(name)
    const { bucket } = runningServer('minio')
    expect(metadata.location).toMatch(new RegExp(`^s3://${bucket}/${prefix}/granted_`))
    await lake.ingest(name, schema, [{ id: 2, v: 'b' }])
    await lake.execute(`UPDATE ${name} SET v = 'c' WHERE id = 1`)

    const other = await open(prefix, options)
    expect(await other.rows(`SELECT id, v FROM ${name} ORDER BY id`)).toEqual([
      { id: 1, v: 'c' },
      { id: 2, v: 'b' },
    ])
    const { identifier } = await other.load(name)
    await other.catalog.commit([{ kind: 'drop-table', identifier }], { message: 'dropped' })
  })
})
