import { describe, expect, it } from '@jest/globals'
import { type Catalog, parseRefSpec, requireVersioned, resolveRef } from '@phlo/ports'
import { table, TestProject, withMethods } from '../testing/test-project.js'

describe('where to read', () => {
  it.each([
    ['main', { ref: 'main' }],
    ['feature/x', { ref: 'feature/x' }],
    ['v1@{2026-01-01T10:00Z}', { ref: 'v1', time: new Date('2026-01-01T10:00:00Z') }],
    ['@{2026-01-01}', { ref: 'main', time: new Date('2026-01-01T00:00:00Z') }],
    ['a@b', { ref: 'a@b' }],
  ])('is read from %s', (text, expected) => {
    expect(parseRefSpec(text)).toEqual(expected)
  })

  it('is refused with a time that is none', () => {
    expect(() => parseRefSpec('main@{yesterday}')).toThrow(
      expect.objectContaining({ code: 'PHLO_REF_INVALID', message: '"yesterday" is no time' }),
    )
  })

  it('at a time is the commit at which the branch stood then', async () => {
    const { catalog, engine } = await TestProject.open()
    const before = (await catalog.getRef('main'))?.commit
    await new Promise((resolve) => setTimeout(resolve, 5))
    const time = new Date()
    await new Promise((resolve) => setTimeout(resolve, 5))
    await engine.write(table('a.t'), 'main', [])
    expect(await resolveRef(catalog, { ref: 'main', time })).toBe(before)
    expect(await resolveRef(catalog, { ref: 'main' })).toBe('main')
    const young = withMethods(catalog, { commitAt: async () => undefined })
    await expect(resolveRef(young, { ref: 'main', time: new Date(0) })).rejects.toMatchObject({
      code: 'PHLO_REF_NOT_FOUND',
      message: 'main did not exist at 1970-01-01T00:00:00.000Z',
    })
  })

  it('is a commit by the beginning of its id, as long as no other begins so, and also one that a branch has left', async () => {
    const { catalog, engine } = await TestProject.open()
    const empty = (await catalog.getRef('main'))?.commit ?? ''
    await engine.write(table('a.t'), 'main', [])
    const left = (await catalog.getRef('main'))?.commit ?? ''
    await catalog.assignRef('main', empty)
    expect(await resolveRef(catalog, parseRefSpec(left.slice(0, 8)))).toBe(left)
    expect(await resolveRef(catalog, parseRefSpec(left))).toBe(left)
    const other = `${left.slice(0, 8)}${'0'.repeat(56)}`
    const twins = withMethods(catalog, {
      async *reflog() {
        yield { time: new Date(0), action: 'commit', from: left, to: other, message: '', author: '' }
      },
    })
    await expect(resolveRef(twins, { ref: left.slice(0, 8) })).rejects.toMatchObject({
      code: 'PHLO_REF_INVALID',
      context: { commits: [left, other] },
    })
    await expect(resolveRef(catalog, { ref: left.slice(0, 3) })).rejects.toMatchObject({ code: 'PHLO_REF_NOT_FOUND' })
  })

  it('needs a catalog with branches for that', async () => {
    const { catalog } = await TestProject.open()
    const plain: Catalog = withMethods(catalog, { supports: { ...catalog.supports, refs: false } })
    expect(() => requireVersioned(plain)).toThrow(expect.objectContaining({ code: 'PHLO_UNSUPPORTED' }))
    expect(requireVersioned(catalog)).toBe(catalog)
  })
})
