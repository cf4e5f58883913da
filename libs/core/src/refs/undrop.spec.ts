import { describe, expect, it } from '@jest/globals'
import { mainBranch, type TableIdentifier } from '@phlo/ports'
import { table, TestProject } from '../testing/test-project.js'
import { undropTable } from './undrop.js'

async function project() {
  const { catalog, engine } = await TestProject.open()
  const drop = async (identifier: TableIdentifier) =>
    (await catalog.commit([{ kind: 'drop-table', identifier }], { message: 'drop' })).commit
  const uuidOf = async (identifier: TableIdentifier) => (await catalog.loadTable(identifier))?.metadata['table-uuid']
  return { catalog, drop, uuidOf, write: (identifier: TableIdentifier) => engine.write(identifier, mainBranch, []) }
}

describe('a dropped table', () => {
  it('comes back as it last was', async () => {
    const { catalog, drop, write } = await project()
    await write(table('a.t'))
    await write(table('a.t'))
    const last = await catalog.loadTable(table('a.t'))
    const held = (await catalog.getRef(mainBranch))?.commit
    await drop(table('a.t'))
    await write(table('a.other'))
    const back = await undropTable(catalog, { table: table('a.t'), author: 'ann', properties: { why: 'a slip' } })
    expect(back).toEqual({ table: last, foundAt: held, commit: (await catalog.getRef(mainBranch))?.commit })
    expect(await catalog.loadTable(table('a.t'))).toEqual(last)
    for await (const commit of catalog.log(mainBranch, { limit: 1 }))
      expect(commit).toMatchObject({ message: 'Bring a.t back', author: 'ann', properties: { why: 'a slip' } })
  })

  it('comes back under another name where a new table has its own', async () => {
    const { catalog, drop, uuidOf, write } = await project()
    await write(table('a.t'))
    const old = await uuidOf(table('a.t'))
    await drop(table('a.t'))
    await write(table('a.t'))
    const present = await uuidOf(table('a.t'))
    await expect(undropTable(catalog, { table: table('a.t') })).rejects.toMatchObject({ code: 'PHLO_TABLE_EXISTS' })
    await undropTable(catalog, { table: table('a.t'), as: table('a.old') })
    expect([await uuidOf(table('a.old')), await uuidOf(table('a.t'))]).toEqual([old, present])
  })

  it('comes back on the branch that dropped it, also through a merge', async () => {
    const { catalog, uuidOf, write } = await project()
    await write(table('a.t'))
    const uuid = await uuidOf(table('a.t'))
    await catalog.createRef('dev')
    await catalog.commit([{ kind: 'drop-table', identifier: table('a.t') }], { message: 'drop', ref: 'dev' })
    await expect(undropTable(catalog, { table: table('a.t') })).rejects.toMatchObject({
      code: 'PHLO_TABLE_NOT_FOUND',
      hint: 'a.t is there.',
    })
    await catalog.merge('dev', mainBranch, { fastForward: false })
    await undropTable(catalog, { table: table('a.t') })
    await undropTable(catalog, { table: table('a.t'), ref: 'dev' })
    expect(await uuidOf(table('a.t'))).toBe(uuid)
    expect((await catalog.loadTable(table('a.t'), { ref: 'dev' }))?.metadata['table-uuid']).toBe(uuid)
  })

  it('that never was is not found, and one without its namespace says so', async () => {
    const { catalog, drop, write } = await project()
    await write(table('a.t'))
    await expect(undropTable(catalog, { table: table('a.never') })).rejects.toMatchObject({
      code: 'PHLO_TABLE_NOT_FOUND',
    })
    await drop(table('a.t'))
    await catalog.commit([{ kind: 'drop-namespace', namespace: ['a'] }], { message: 'gone' })
    await expect(undropTable(catalog, { table: table('a.t') })).rejects.toMatchObject({
      code: 'PHLO_NAMESPACE_NOT_FOUND',
    })
  })
})
