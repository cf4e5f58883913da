import { cp, readFile, rm, symlink } from 'node:fs/promises'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { lakeContent } from './testing/lake-content.js'
import { TestProject } from './testing/project.js'

const example = path.resolve(import.meta.dirname, '../../../examples/glucose')

let project: TestProject
/** The readings, taken from the file by other means than Phlo's. */
let readings: { time: string; glucose: number }[]

beforeAll(async () => {
  project = await TestProject.create({})
  await rm(path.join(project.dir, 'node_modules'))
  await cp(example, project.dir, {
    recursive: true,
    filter: (file) => !/[/\\](\.phlo|node_modules)([/\\]|$)/.test(file.slice(example.length)),
  })
  await symlink(path.resolve(example, '../../node_modules'), path.join(project.dir, 'node_modules'))
  const text = gunzipSync(await readFile(path.join(example, 'data/cgm-2010.csv.gz'))).toString()
  const [header, ...lines] = text.split(/\r?\n/).filter((line) => line !== '')
  const columns = (header as string).split(',')
  readings = lines.map((line) => {
    const cells = line.split(',')
    const cell = (name: string) => cells[columns.indexOf(name)] as string
    return { time: cell('datetime'), glucose: Number(cell('glucose')) }
  })
  await project.succeed(['run'])
})

afterAll(() => project.remove())

/** The bands and limits of the original system. */
function band(glucose: number): string {
  if (glucose < 70) return 'hypoglycemia'
  if (glucose <= 180) return 'in_range'
  return glucose <= 250 ? 'hyperglycemia_mild' : 'hyperglycemia_severe'
}

it('publishes every reading that a sensor can give, once', async () => {
  expect(readings).toHaveLength(52_281)
  const valid = readings.filter(({ glucose }) => glucose >= 20 && glucose <= 600)
  const times = new Set(valid.map(({ time }) => time))
  const [{ rows }] = (await project.query('SELECT count(*) AS rows FROM bronze.glucose_readings')) as [{ rows: number }]
  expect(rows).toBe(times.size)
  const content = await lakeContent(project.dir)
  expect(content['quarantine.bronze_glucose_readings'] ?? []).toHaveLength(readings.length - valid.length)
})

it('puts readings into the bands of the original system', async () => {
  // Of a time that comes twice, the last reading counts.
  const last = new Map(
    readings.filter(({ glucose }) => glucose >= 20 && glucose <= 600).map(({ time, glucose }) => [time, glucose]),
  )
  const expected: Record<string, number> = {}
  for (const glucose of last.values()) expected[band(glucose)] = (expected[band(glucose)] ?? 0) + 1
  const rows = await project.query(
    'SELECT glucose_category AS band, count(*) AS n FROM silver.fct_glucose_readings GROUP BY ALL',
  )
  expect(Object.fromEntries(rows.map(({ band: name, n }) => [name as string, n]))).toEqual(expected)
})

it('sums a day up as its 288 readings should be', async () => {
  const [day] = await project.query(
    'SELECT * FROM gold.mrt_glucose_overview ORDER BY readings DESC, reading_date LIMIT 1',
  )
  const own = readings.filter(({ time }) => time.startsWith(day?.['reading_date'] as string))
  const inRange = own.filter(({ glucose }) => band(glucose) === 'in_range').length
  expect(day).toMatchObject({
    readings: own.length,
    coverage_percent: expect.closeTo((100 * own.length) / 288, 1),
    time_in_range_percent: expect.closeTo((100 * inRange) / own.length, 1),
    lowest: Math.min(...own.map(({ glucose }) => glucose)),
    highest: Math.max(...own.map(({ glucose }) => glucose)),
  })
})
