import type { CaseRecord, Measure, Target, Unit } from './case.js'
import type { MachineFacts } from './machine.js'

/** The machine in a few lines. */
export function machineText({ cpu, cores, memoryGiB, system, versions }: MachineFacts): string {
  const tools = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `machine   ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}\nversions  ${tools.join(', ')}`
}

/** A case's figures as plain text. */
export function caseText(record: CaseRecord, description: string): string {
  const { measures, targets, rows, rounds, yardstick } = record
  const size = [
    ...(rows === undefined ? [] : [`${rows.toLocaleString('en-US')} rows`]),
    `median of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`,
    ...(yardstick === undefined ? [] : [`ratios to ${yardstick}`]),
  ]
  const lines = [`${record.case}: ${description}`, `(${size.join(', ')})`, '']
  const cells = measures.map((measure) => [
    measure.name,
    amount(measure.median, measure.unit),
    measure.ratio === undefined ? '' : `${measure.ratio.toFixed(2)}×`,
    `[${measure.runs.map((value) => amount(value, measure.unit)).join('  ')}]`,
  ])
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => (row[column] as string).length)))
  measures.forEach((measure, index) => {
    const [name = '', median = '', ratio = '', runs = ''] = cells[index] as string[]
    lines.push(
      `  ${name.padEnd(widths[0] as number)}  ${median.padStart(widths[1] as number)}  ${ratio.padStart(widths[2] as number)}  ${runs}`,
      ...detailLines(measure),
    )
  })
  if (targets.length > 0) lines.push('', ...targets.map(targetLine))
  return lines.join('\n')
}

function detailLines({ what, parts }: Measure): string[] {
  const named = Object.entries(parts).map(([part, value]) => `${part} ${value.toFixed(value >= 100 ? 0 : 2)}`)
  return [`      ${what}`, ...(named.length > 0 ? [`      ${named.join('; ')}`] : [])]
}

function targetLine({ text, kind, wanted, found, unit, met }: Target): string {
  const verdict = met === undefined ? 'not judged' : met ? 'met' : 'MISSED'
  return `  ${verdict.padEnd(10)}  ${text}: ${amount(found, unit)}, wanted ${kind} ${amount(wanted, unit)}`
}

function amount(value: number, unit: Unit | '×'): string {
  if (unit === '×') return `${value.toFixed(2)}×`
  return `${value.toFixed(unit === 'MiB' ? 0 : unit === 's' && value < 1 ? 3 : 2)} ${unit}`
}
