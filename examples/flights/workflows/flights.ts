import { daily, field, files, ingestion, quality, z } from 'phlo'

/**
 * Three million flights within the United States from January to June 2001, by the Bureau of Transportation Statistics.
 * Honest data: a few flights are recorded as having arrived most of a day early, which is a clock and not a record.
 */
export const Flight = z.object({
  date: field(z.iso.datetime({ local: true }), { description: 'Scheduled departure, local time of the airport' }),
  delay: field(z.int().min(-120).max(1440), { description: 'Minutes late at arrival; below zero when early' }),
  distance: field(z.int().min(1), { description: 'Miles' }),
  origin: field(z.string().length(3), { description: 'IATA code of the airport of departure' }),
  destination: field(z.string().length(3), { description: 'IATA code of the airport of arrival' }),
})

export const flights = ingestion(
  {
    name: 'flights',
    group: 'aviation',
    description: 'Flights as they were reported',
    schema: Flight,
    partitions: daily({ column: 'date', start: '2001-01-01', end: '2001-07-02' }),
  },
  files({ path: '../../node_modules/vega-datasets/data/flights-3m.parquet' }),
)

quality(flights, (t) => [
  t.count({ min: 1 }),
  t.pattern('origin', /^[A-Z]{3}$/),
  t.pattern('destination', /^[A-Z]{3}$/),
  t.holds('origin <> destination', { name: 'goes_somewhere_else' }),
  t.range('distance', { max: 5000 }),
  t.range('delay', { max: 720 }, { name: 'delay_half_a_day', severity: 'warn' }),
])
