import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { ScriptedServer } from '@phlo/http/testing'
import { readAll } from './testing/test-source.js'

let projectDir: string
let server: ScriptedServer
beforeEach(async () => {
  projectDir = await mkdtemp(path.join(os.tmpdir(), 'phlo-http-'))
})
afterEach(async () => {
  await server.stop()
  await rm(projectDir, { recursive: true, force: true })
})

describe('recordings', () => {
  it('give the same rows again when the server is gone, and hold no secret', async () => {
    server = await ScriptedServer.start(({ path: asked, headers }) => {
      const page = Number(new URL(asked, 'http://x').searchParams.get('page'))
      return { status: 200, json: page < 3 ? [{ page, echo: headers['authorization'] }] : [] }
    })
    const options = {
      baseUrl: server.uri,
      path: 'things',
      auth: { type: 'bearer', token: 'open-sesame' },
      pagination: { type: 'page' },
    }
    const { rows } = await readAll(options, { projectDir, plugin: { mode: 'record' } })
    expect(rows).toHaveLength(2)
    await server.stop()
    const replayed = await readAll(options, { projectDir, plugin: { mode: 'replay' } })
    expect(replayed.rows).toEqual([
      { page: 1, echo: 'Bearer ***' },
      { page: 2, echo: 'Bearer ***' },
    ])
    const folder = path.join(projectDir, 'recordings', '127.0.0.1')
    const files = await readdir(folder)
    expect(files).toHaveLength(3)
    for (const file of files) expect(await readFile(path.join(folder, file), 'utf8')).not.toContain('open-sesame')
    const other = readAll({ ...options, path: 'others' }, { projectDir, plugin: { mode: 'replay' } })
    await expect(other).rejects.toMatchObject({ code: 'PHLO_SOURCE_NOT_FOUND' })
  })

  it('stay inside the project', async () => {
    server = await ScriptedServer.start(() => ({ status: 200, json: [] }))
    const plugin = { mode: 'record', recordings: '../elsewhere' } as const
    const reading = readAll({ baseUrl: server.uri, path: 'x' }, { projectDir, plugin })
    await expect(reading).rejects.toMatchObject({ code: 'PHLO_CONFIG_INVALID' })
  })
})
