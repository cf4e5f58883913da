import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { bucketOptions } from '@phlo/stack'
import { MinioObjectStore, MinioStorageOptions } from '@phlo/storage-minio'
import { lakeContent, lakeContentIn } from './testing/lake-content.js'
import { TestProject } from './testing/project.js'

const example = path.resolve(import.meta.dirname, '../../../examples/glucose')

let project: TestProject
let env: Record<string, string>
let store: MinioObjectStore

beforeAll(async () => {
  project = await TestProject.create({})
  await rm(path.join(project.dir, 'node_modules'))
  await cp(example, project.dir, {
    recursive: true,
    filter: (file) => !/[/\\](\.phlo|node_modules)([/\\]|$)/.test(file.slice(example.length)),
  })
  await symlink(path.resolve(example, '../../node_modules'), path.join(project.dir, 'node_modules'))
  const options = bucketOptions('projects')
  const { endpoint, region, bucket, prefix, credentials } = options
  const config = path.join(project.dir, 'phlo.yaml')
  const storage = `{ use: minio, with: { endpoint: '${endpoint}', region: ${region}, bucket: ${bucket}, prefix: ${prefix} } }`
  await writeFile(config, `${await readFile(config, 'utf8')}profiles:\n  bucket:\n    storage: ${storage}\n`)
  env = { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey }
  store = new MinioObjectStore(MinioStorageOptions.parse(options), path.join(project.dir, 'reader'))
})

afterAll(async () => {
  await store.close()
  await project.remove()
})

it('a run in a bucket publishes what the same run publishes in a folder', async () => {
  await project.succeed(['run'])
  const said = await project.succeed(['run', '--profile', 'bucket'], { env })
  expect(said).toContain('Published to main')
  const expected = await lakeContent(project.dir)
  expect(Object.keys(expected).length).toBeGreaterThan(3)
  expect(await lakeContentIn(store, path.join(project.dir, 'reader'))).toEqual(expected)
})

it('the bucket is all that another machine needs', async () => {
  await rm(path.join(project.dir, '.phlo'), { recursive: true })
  const query = 'SELECT count(*) AS n FROM silver.fct_glucose_readings'
  const rows = await project.succeed(['query', '--profile', 'bucket', '--format', 'json', query], { env })
  const [{ n }] = JSON.parse(rows) as [{ n: number }]
  expect(n).toBeGreaterThan(50_000)
})

it('a run again does nothing, from the bucket’s own state', async () => {
  const before = await lakeContentIn(store, path.join(project.dir, 'reader'))
  await project.succeed(['run', '--profile', 'bucket'], { env })
  expect(await lakeContentIn(store, path.join(project.dir, 'reader'))).toEqual(before)
})
