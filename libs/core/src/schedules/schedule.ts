import { errorMessage, PhloError, type SourceLocation } from '@phlo/ports'
import { Cron } from 'croner'

/** Assets that are due at the times of a cron expression. */
export interface Schedule {
  readonly name: string
  /** Five fields: minute, hour, day of month, month, day of week. */
  readonly cron: string
  /** IANA time zone. */
  readonly timezone: string
  /** Selectors, as `phlo run` takes them. */
  readonly selection: readonly string[]
  readonly location?: SourceLocation
}

/** Throws PHLO_WORKFLOW_INVALID for what is no cron expression of five fields, or no time zone. */
export function checkCron(cron: string, timezone = 'UTC', location?: SourceLocation): void {
  try {
    if (cron.trim().split(/\s+/).length !== 5) throw new Error('it must have five fields')
    new Cron(cron, { paused: true })
  } catch (error) {
    const reason = errorMessage(error).replace(/^CronPattern: /, '')
    throw new PhloError('PHLO_WORKFLOW_INVALID', `${JSON.stringify(cron)} is no cron expression: ${reason}`, {
      hint: 'Five fields: minute, hour, day of month, month, day of week. Example: */15 * * * *',
      ...(location && { location }),
      cause: error,
    })
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
  } catch (error) {
    throw new PhloError('PHLO_WORKFLOW_INVALID', `${JSON.stringify(timezone)} is no time zone`, {
      hint: 'Write its IANA name, for instance Europe/Berlin.',
      ...(location && { location }),
      cause: error,
    })
  }
}

/** The next time after `after` at which the schedule is due. */
export function nextDue(schedule: Pick<Schedule, 'cron' | 'timezone'>, after: Date): Date | undefined {
  return new Cron(schedule.cron, { timezone: schedule.timezone, paused: true }).nextRun(after) ?? undefined
}
