import { mkdir, rm, writeFile } from 'node:fs/promises'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { errorMessage } from '@phlo/ports'
import type { BenchCase, CaseRecord } from './case.js'
import { cases } from './cases/index.js'
import { helpText, readCommandLine, type Request, usualRuns } from './command-line.js'
import { type MachineFacts, machineFacts } from './machine.js'
import { stopProcesses } from './processes.js'
import { pythonEnvironment } from './python-environment.js'
import { recordText } from './record-text.js'
import { caseText, machineText } from './text-report.js'
import { inOwnFolder, openWorkplace, type Workplace } from './workplace.js'

const exitCode = { ok: 0, failed: 1, missed: 2, interrupted: 130 } as const

const print = (text: string) => process.stdout.write(`${text}\n`)
const note = (text: string) => process.stderr.write(`${text}\n`)

async function main(): Promise<number> {
  const request = readCommandLine(
    process.argv.slice(2),
    cases.map(({ name }) => name),
  )
  if (request.help) {
    print(helpText(cases))
    return exitCode.ok
  }
  const chosen = request.cases.length === 0 ? cases : cases.filter(({ name }) => request.cases.includes(name))
  const workplace = await openWorkplace()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stopProcesses()
      rmSync(workplace.work, { recursive: true, force: true })
      process.exit(exitCode.interrupted)
    })
  }
  try {
    const python = chosen.some(({ needsPython }) => needsPython) ? await pythonEnvironment(workplace, note) : undefined
    const machine = machineFacts(python)
    print(machineText(machine))
    let code: number = exitCode.ok
    for (const item of chosen) {
      const record = await runCase(item, request, workplace, machine)
      if (!record) code = exitCode.failed
      else if (code === exitCode.ok && record.targets.some(({ met }) => met === false)) code = exitCode.missed
    }
    return code
  } finally {
    await rm(workplace.work, { recursive: true, force: true })
  }
}

/** Runs a case, prints and writes what it found; nothing when it failed. */
async function runCase(
  item: BenchCase,
  request: Request,
  workplace: Workplace,
  machine: MachineFacts,
): Promise<CaseRecord | undefined> {
  const { name, description } = item
  const rows = item.rows === undefined ? undefined : (request.rows ?? item.rows)
  try {
    const report = (line: string) => note(`  ${name}: ${line}`)
    const findings = await inOwnFolder(workplace, name, (own) =>
      item.run({ runs: request.runs, rows: rows ?? 0, workplace: own, report }),
    )
    const record: CaseRecord = {
      case: name,
      measuredAt: new Date().toISOString(),
      ...(rows !== undefined && { rows }),
      rounds: request.runs,
      machine,
      ...findings,
    }
    const usual = request.runs === usualRuns && rows === item.rows
    const folder = path.resolve(process.env['INIT_CWD'] ?? '.', request.out ?? path.join(workplace.bench, 'results'))
    const file = path.join(folder, `${name}${usual ? '' : '.local'}.json`)
    await mkdir(folder, { recursive: true })
    await writeFile(file, recordText(record))
    print(`\n${caseText(record, description)}\n\n  written to ${path.relative('.', file)}`)
    return record
  } catch (error) {
    note(`\n${name} FAILED: ${errorMessage(error)}`)
    return undefined
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  note(errorMessage(error))
  process.exitCode = exitCode.failed
}
