import { beforeAll, describe, expect, it } from '@jest/globals'
import type { SqlDialect } from '@phlo/ports'
import { TestProject } from '../testing/test-project.js'
import { scopeCondition, windowInterval } from './check-scope.js'

const at = (text: string) => Date.parse(text)
const days = (from: string, to: string) => ({ from: at(from), to: at(to) })

describe('a rolling window', () => {
  it('goes back from the last partition, as the original system’s does', () => {
    const partitions = [days('2024-01-10', '2024-01-11'), days('2024-01-05', '2024-01-06')]
    expect(windowInterval(7, partitions, new Date('2030-01-01'))).toEqual(days('2024-01-03', '2024-01-11'))
  })

  it('goes back from today where there are no partitions, today included', () => {
    expect(windowInterval(7, undefined, new Date('2024-01-10T15:30:00Z'))).toEqual(days('2024-01-03', '2024-01-11'))
    expect(windowInterval(1, [], new Date('2024-01-10T00:00:00Z'))).toEqual(days('2024-01-09', '2024-01-11'))
  })
})

describe('the rows that a check looks at', () => {
  let dialect: SqlDialect
  beforeAll(async () => {
    const { engine } = await TestProject.open()
    dialect = engine.dialect
  })
  const columns = [
    { name: 'at', type: 'timestamptz' },
    { name: '_phlo_partition_date', type: 'date' },
    { name: 'id', type: 'long' },
  ]
  const partitions = { column: 'at', intervals: [days('2024-01-10T05:00Z', '2024-01-10T07:00Z')], key: '2024-01-10T05' }
  const now = new Date('2024-02-01T12:00:00Z')
  const condition = (
    check: Partial<Parameters<typeof scopeCondition>[1]>,
    rows: Parameters<typeof scopeCondition>[0] = { columns, partitions },
  ) => scopeCondition(rows, { name: 'own', scope: 'partition', ...check }, dialect, now)

  it('are those of the run’s partitions, a date compared with dates', () => {
    expect(condition({})).toBe(
      `("at" >= timestamptz '2024-01-10T05:00:00.000Z' AND "at" < timestamptz '2024-01-10T07:00:00.000Z')`,
    )
    expect(condition({ partitionColumn: '_phlo_partition_date' })).toBe(
      `("_phlo_partition_date" >= date '2024-01-10' AND "_phlo_partition_date" < date '2024-01-11')`,
    )
  })

  it('are all of them where nothing tells partitions, or where a check wants that', () => {
    expect(condition({}, { columns })).toBeUndefined()
    expect(condition({ scope: 'table' })).toBeUndefined()
  })

  it('are those of a window of days', () => {
    expect(condition({ scope: { days: 2, column: '_phlo_partition_date' } })).toBe(
      `("_phlo_partition_date" >= date '2024-01-08' AND "_phlo_partition_date" < date '2024-01-11')`,
    )
    expect(condition({ scope: { days: 2, column: '_phlo_partition_date' } }, { columns })).toBe(
      `("_phlo_partition_date" >= date '2024-01-30' AND "_phlo_partition_date" < date '2024-02-02')`,
    )
  })

  it.each([
    ['of a window without a column', { scope: { days: 7 } }, /of no column/],
    ['of a column that is not there', { partitionColumn: 'att' }, /in att, a column that is not there/],
    ['of a column that is no time', { partitionColumn: 'id' }, /takes id for a time/],
  ])('are not guessed: %s', (_name, check, message) => {
    const rows = 'scope' in check ? { columns } : { columns, partitions }
    expect(() => condition(check, rows)).toThrow(
      expect.objectContaining({ code: 'PHLO_CHECK_INVALID', message: expect.stringMatching(message) }),
    )
  })
})
