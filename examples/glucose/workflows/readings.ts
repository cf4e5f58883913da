import { daily, field, files, ingestion, quality, z } from 'phlo'

/** A sensor reads between 20 and 600 mg/dL; what it shows outside of that is no measurement. */
export const Reading = z.object({
  datetime: field(z.iso.datetime({ local: true }), { description: 'Time of the reading, local' }),
  glucose: field(z.int().min(20).max(600), { description: 'mg/dL' }),
  isig: field(z.number().min(0).nullable(), { description: 'Current of the sensor in nanoampere' }),
})

export const readings = ingestion(
  {
    name: 'glucose_readings',
    group: 'cgm',
    description: 'Readings as the monitor exported them',
    schema: Reading,
    uniqueKey: 'datetime',
    merge: { strategy: 'merge', keep: 'last' },
    partitions: daily({ column: 'datetime', start: '2010-03-24', end: '2010-10-11' }),
  },
  // The export writes `nil` where the sensor gave no current.
  files({ path: 'data/cgm-2010.csv.gz', nullText: 'nil' }),
)

quality(readings, (t) => [
  t.count({ min: 288 }),
  t.range('glucose', { min: 20, max: 600 }),
  t.notNull('isig', { severity: 'warn', allow: 0.05 }),
])
