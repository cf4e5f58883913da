import { checkCron } from '@phlo/core'
import { declarations } from './collector.js'
import { declaredAt } from './declared-at.js'

export interface ScheduleOptions {
  readonly name: string
  /** Five fields: minute, hour, day of month, month, day of week. */
  readonly cron: string
  /** IANA time zone. Default `UTC`. */
  readonly timezone?: string
  /** Selectors, as `phlo run` takes them. Default: everything that is missing or stale. */
  readonly selection?: readonly string[]
}

/** Declares when assets are due. Throws PHLO_WORKFLOW_INVALID for what is no cron expression. */
export function schedule(options: ScheduleOptions): void {
  const location = declaredAt()
  const timezone = options.timezone ?? 'UTC'
  checkCron(options.cron, timezone, location)
  declarations().schedules.push({
    name: options.name,
    cron: options.cron,
    timezone,
    selection: options.selection ?? [],
    ...(location && { location }),
  })
}
