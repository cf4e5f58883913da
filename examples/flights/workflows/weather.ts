import { field, files, ingestion, monthly, quality, z } from 'phlo'

/** Four years of daily weather in two cities, by the National Oceanic and Atmospheric Administration. */
export const Weather = z.object({
  location: z.enum(['Seattle', 'New York']),
  date: z.iso.date(),
  precipitation: field(z.number().min(0), { description: 'Millimetres' }),
  temp_max: field(z.number().min(-60).max(60), { description: 'Degrees Celsius' }),
  temp_min: field(z.number().min(-60).max(60), { description: 'Degrees Celsius' }),
  wind: field(z.number().min(0), { description: 'Metres a second' }),
  weather: z.enum(['drizzle', 'rain', 'sun', 'fog', 'snow']),
})

export const weather = ingestion(
  {
    name: 'weather',
    group: 'climate',
    description: 'Daily weather',
    schema: Weather,
    uniqueKey: ['location', 'date'],
    partitions: monthly({ column: 'date', start: '2012-01', end: '2016-01' }),
  },
  files({ path: '../../node_modules/vega-datasets/data/weather.csv' }),
)

quality(weather, (t) => [
  t.holds('temp_min <= temp_max', { name: 'min_below_max' }),
  t.holds("weather <> 'sun' OR precipitation = 0", { name: 'no_rain_in_the_sun' }),
  t.holds("weather NOT IN ('rain', 'snow') OR precipitation > 0", { name: 'rain_is_wet', severity: 'warn' }),
])
