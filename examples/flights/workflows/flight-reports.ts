import { files, ingestion, schedule, z } from 'phlo'
import { Flight } from './flights.js'

/** What an airport hands in each day. Strict: one wrong row stops the whole delivery. */
export const flightReports = ingestion(
  {
    name: 'flight_reports',
    group: 'aviation',
    description: 'Daily deliveries of one airport',
    schema: Flight.extend({ report: z.int().min(1) }),
    uniqueKey: 'report',
    strict: true,
    cron: '15 6 * * *',
  },
  files({ path: 'incoming/*.csv' }),
)

schedule({ name: 'deliveries', cron: '15 6 * * *', selection: ['flight_reports+'] })
