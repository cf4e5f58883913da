import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { testFile } from '../testing/test-table.js'
import type { ScanTask } from './scan.js'
import { combineTasks, type SplitOptions } from './split.js'

function task(
  name: string,
  fileSize: number,
  splitOffsets?: readonly number[],
  deletes: readonly number[] = [],
): ScanTask {
  return {
    file: testFile(name, { fileSize, ...(splitOffsets && { splitOffsets }) }),
    sequenceNumber: 1,
    deletes: deletes.map((size) => ({ file: testFile('d', { fileSize: size }), sequenceNumber: 2 })),
    residual: { op: 'true' },
  }
}

async function shares(tasks: readonly ScanTask[], options: SplitOptions): Promise<string[]> {
  const texts: string[] = []
  for await (const splits of combineTasks(tasks, options))
    texts.push(
      splits.map(({ task: { file }, start, length }) => `${file.path.slice(-9, -8)}${start}+${length}`).join(' '),
    )
  return texts
}

describe('shares of a scan', () => {
  it('are cut where row groups start, and packed to the target size', async () => {
    const tasks = [task('a', 1000, [4, 300, 600, 900]), task('b', 500), task('c', 2000, [0]), task('d', 90, [4])]
    expect(await shares(tasks, { targetSize: 600, openCost: 1 })).toEqual([
      'a4+596',
      'a600+400 d4+86',
      'b0+500',
      'c0+2000',
    ])
  })

  it('are given out fullest first when too many are open', async () => {
    const tasks = [task('a', 30), task('b', 90), task('c', 80), task('d', 70)]
    expect(await shares(tasks, { targetSize: 100, openCost: 1, lookback: 2 })).toEqual([
      'b0+90',
      'a0+30 d0+70',
      'c0+80',
    ])
  })

  it('count what opening a file and its deletes costs', async () => {
    const small = ['a', 'b', 'c', 'd'].map((name) => task(name, 1))
    expect(await shares(small, { targetSize: 100, openCost: 40 })).toEqual(['a0+1 b0+1', 'c0+1 d0+1'])
    const heavy = ['a', 'b'].map((name) => task(name, 10, undefined, [60]))
    expect(await shares(heavy, { targetSize: 100, openCost: 1 })).toEqual(['a0+10', 'b0+10'])
  })

  it('leave a file whole whose offsets make no sense', async () => {
    const tasks = [task('a', 100, [4, 3]), task('b', 100, [4, 100]), task('c', 100, [-1, 50])]
    expect(await shares(tasks, { targetSize: 60, openCost: 1 })).toEqual(['a0+100', 'b0+100', 'c0+100'])
  })

  it('hold every byte of every row group once, whatever the sizes', async () => {
    const files = fc.array(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 6 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(
        files,
        fc.integer({ min: 1, max: 120 }),
        fc.nat({ max: 3 }),
        async (sizes, targetSize, lookback) => {
          const tasks = sizes.map((groups, index) => {
            const offsets = groups.map((_, at) => 4 + groups.slice(0, at).reduce((sum, size) => sum + size, 0))
            return task(String(index), 4 + groups.reduce((sum, size) => sum + size, 0), offsets)
          })
          const parts = new Map(tasks.map((item) => [item, new Set<number>()]))
          for await (const splits of combineTasks(tasks, { targetSize, openCost: 1, lookback })) {
            const bytes = splits.reduce((sum, { length }) => sum + length, 0)
            if (splits.length > 1) expect(bytes).toBeLessThanOrEqual(targetSize)
            for (const { task: of, start, length } of splits) {
              const groups = (of.file.splitOffsets ?? []).filter((offset) => offset >= start && offset < start + length)
              if (length > targetSize) expect(groups).toHaveLength(1)
              for (const offset of groups) {
                expect(parts.get(of)!.has(offset)).toBe(false)
                parts.get(of)!.add(offset)
              }
            }
          }
          for (const [of, seen] of parts) expect(seen.size).toBe(of.file.splitOffsets?.length)
        },
      ),
    )
  })
})
