import { field, files, ingestion, quality, z } from 'phlo'

/** Airports of the United States. Some small fields have no IATA code but one of the FAA, with four characters. */
export const Airport = z.object({
  iata: field(z.string().regex(/^[A-Z0-9]{3}$/), { description: 'IATA code' }),
  name: z.string(),
  city: z.string().nullable(),
  state: z.string().nullable(),
  country: z.string(),
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
})

export const airports = ingestion(
  {
    name: 'airports',
    group: 'aviation',
    description: 'Airports and where they are',
    schema: Airport,
    uniqueKey: 'iata',
  },
  files({ path: '../../node_modules/vega-datasets/data/airports.csv' }),
)

quality(airports, (t) => [t.count({ min: 3000 }), t.notNull(['name', 'latitude', 'longitude'])])
