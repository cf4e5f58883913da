import type { CheckResult, ErrorInfo, RunEvent, StepName } from '@phlo/core'
import type { EventListener, PublishedEvent } from '@phlo/ports'
import { checkText } from './check-text.js'
import { formatBytes, formatCount, formatDuration, formatRate, plural } from './numbers.js'
import { errorText } from './report-error.js'
import type { Terminal } from './terminal.js'
import { cellText, textTable } from './text-table.js'

/** Each event as a line of JSON, for programs. */
export class JsonReporter implements EventListener {
  readonly name = 'json-reporter'
  private readonly terminal: Terminal

  constructor(terminal: Terminal) {
    this.terminal = terminal
  }

  onEvent(event: PublishedEvent): void {
    this.terminal.json(event)
  }
}

/** Rows that are shown of a check that only warns. */
const shownOfWarning = 3

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** A run for people: a line for everything that is done and, where somebody watches, one below for what is under way. */
export class RunReporter implements EventListener {
  readonly name = 'run-reporter'
  private readonly terminal: Terminal
  private current: { step: StepName; startedAt: number; rows: number; percent: number } | undefined
  private drawn = false
  private frame = 0
  private timer: NodeJS.Timeout | undefined
  private readonly told = new Set<string>()

  constructor(terminal: Terminal) {
    this.terminal = terminal
  }

  onEvent({ type, data }: PublishedEvent): void {
    const event = { type, ...(data as object) } as RunEvent
    switch (event.type) {
      case 'run-started':
        return this.started(event)
      case 'step-started':
        return this.stepStarted(event)
      case 'step-progress':
        if (this.current) Object.assign(this.current, event.progress)
        return
      case 'step-retried':
        this.idle()
        return this.line(
          `${this.terminal.colors.yellow('↻')} ${stepText(event.step)}  ${this.terminal.colors.dim(`${event.error.message}; again in ${formatDuration(event.delay)}`)}`,
        )
      case 'step-finished':
        return this.stepFinished(event)
      case 'step-failed':
        this.idle()
        this.line(
          `${this.terminal.colors.red('✗')} ${stepText(event.step)}  ${this.terminal.colors.dim(formatDuration(event.milliseconds))}`,
        )
        this.told.add(event.error.message)
        return this.line(indent(errorText(this.terminal, event.error)))
      case 'step-skipped':
        return this.line(
          `${this.terminal.colors.yellow('-')} ${stepText(event.step)}  ${this.terminal.colors.dim(`skipped, since ${event.because} failed`)}`,
        )
      case 'check-finished':
        return this.check(event.check)
      case 'main-moved':
        return this.mainMoved(event)
      case 'listener-failed':
        return this.line(
          `${this.terminal.colors.yellow('!')} listener ${event.listener} failed: ${event.error.message}`,
        )
      case 'published':
      case 'run-finished':
        return this.idle()
    }
  }

  /** Was the error shown already, with the step that it stopped? */
  hasTold(error: ErrorInfo): boolean {
    return this.told.has(error.message)
  }

  private started({ branch, profile, plan }: Extract<RunEvent, { type: 'run-started' }>): void {
    const { bold, dim } = this.terminal.colors
    this.line(`${bold('Run')} on branch ${branch} ${dim(`(profile ${profile}, ${plural(plan.steps.length, 'step')})`)}`)
  }

  private stepStarted({ step, reason }: Extract<RunEvent, { type: 'step-started' }>): void {
    this.idle()
    this.current = { step, startedAt: Date.now(), rows: 0, percent: 0 }
    if (!this.terminal.isInteractive) return this.line(`… ${stepText(step)}  ${this.terminal.colors.dim(reason)}`)
    this.timer = setInterval(() => this.draw(), 100)
    this.timer.unref()
    this.draw()
  }

  private stepFinished({
    step,
    rows,
    milliseconds,
    ingest,
    materialize,
  }: Extract<RunEvent, { type: 'step-finished' }>): void {
    this.idle()
    const { green, dim } = this.terminal.colors
    const details = [
      plural(rows, 'row'),
      formatDuration(milliseconds),
      formatRate(ingest?.read ?? rows, milliseconds),
      plural((ingest ?? materialize)?.files ?? 0, 'file'),
      formatBytes((ingest ?? materialize)?.bytes ?? 0),
      ...(ingest && ingest.rejected > 0 ? [`${formatCount(ingest.rejected)} to quarantine`] : []),
      ...(ingest && ingest.duplicates > 0 ? [`${plural(ingest.duplicates, 'duplicate')} merged`] : []),
      ...(ingest && ingest.outside > 0 ? [`${formatCount(ingest.outside)} outside the partitions`] : []),
    ]
    this.line(`${green('✓')} ${stepText(step)}  ${dim(details.filter((part) => part !== '').join(', '))}`)
  }

  private check(check: CheckResult): void {
    this.line(`    ${checkText(this.terminal, check)}`)
    if (check.status === 'passed') return
    const { repro_sql: sql, sample = [], failed_count: failed } = check.metadata
    // A warning is shown by example; a failure with all that the sample has.
    const shown = check.status === 'warned' ? sample.slice(0, shownOfWarning) : sample
    if (shown.length > 0) {
      this.line(indent(sampleText(this.terminal, shown), 8))
      if (failed > shown.length)
        this.line(indent(this.terminal.colors.dim(`… and ${formatCount(failed - shown.length)} more`), 8))
    }
    if (sql !== undefined) this.line(`        ${this.terminal.colors.dim('show them:')} ${sql}`)
  }

  /** Moves that have nothing to do with the run are not worth a line. */
  private mainMoved({ changed, rebased, stale, checks }: Extract<RunEvent, { type: 'main-moved' }>): void {
    if (changed.length === 0) return
    const details = [
      ...(rebased.length > 0 ? [`put on top: ${rebased.join(', ')}`] : []),
      ...(stale.length > 0 ? [`to be made anew by the next run: ${stale.join(', ')}`] : []),
      checks.length === 0 ? 'no check is concerned' : `${plural(checks.length, 'check')} again`,
    ]
    this.line(`… main changed ${changed.join(', ')} meanwhile  ${this.terminal.colors.dim(details.join('; '))}`)
  }

  /** Nothing is under way any more. */
  private idle(): void {
    clearInterval(this.timer)
    this.erase()
    this.current = undefined
  }

  private line(text: string): void {
    this.erase()
    this.terminal.print(text)
  }

  private draw(): void {
    if (!this.current) return
    const { step, startedAt, rows, percent } = this.current
    const elapsed = Date.now() - startedAt
    const parts = [
      formatDuration(elapsed),
      ...(rows > 0 ? [plural(rows, 'row'), formatRate(rows, elapsed)] : []),
      ...(percent > 0 ? [`${Math.floor(percent)} %`] : []),
    ]
    const text = `${frames[this.frame++ % frames.length] as string} ${stepText(step)}  ${parts.filter(Boolean).join(', ')}`
    this.erase()
    this.terminal.write(text.slice(0, this.terminal.width - 1))
    this.drawn = true
  }

  private erase(): void {
    if (!this.drawn) return
    this.terminal.write('\r\u001b[2K')
    this.drawn = false
  }
}

function stepText({ asset, partition }: StepName): string {
  return partition === undefined ? asset : `${asset} ${partition}`
}

export function indent(text: string, spaces = 4): string {
  return text.replaceAll(/^/gm, ' '.repeat(spaces))
}

/** Rows that failed, most telling columns first come as they come. */
function sampleText(terminal: Terminal, sample: readonly Readonly<Record<string, unknown>>[]): string {
  const names = Object.keys(sample[0] ?? {})
  return textTable(
    terminal,
    names.map((title) => ({ title })),
    sample.map((row) => names.map((name) => cellText(row[name]))),
  )
}
