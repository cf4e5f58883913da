import { randomUUID } from 'node:crypto'
import { readRows } from '@phlo/core'
import { CatalogPort, isPhloError, ObjectStorePort, QueryEnginePort, StateStorePort } from '@phlo/ports'
import { errorInfo, type ErrorInfo } from '@phlo/core'
import { type CommandContext, type GlobalOptions, withPlugins } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { errorText } from '../output/report-error.js'
import { plural } from '../output/numbers.js'
import { indent } from '../output/run-reporter.js'

interface Finding {
  readonly what: string
  readonly detail?: string
  readonly error?: ErrorInfo
}

/** Tries each part for real. */
export async function doctor(context: CommandContext, globals: GlobalOptions): Promise<number> {
  const findings: Finding[] = []
  const examine = async (what: string, work: () => Promise<string>) => {
    try {
      findings.push({ what, detail: await work() })
    } catch (error) {
      findings.push({ what, error: errorInfo(error) })
    }
  }
  await examine('Node', async () => {
    const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]
    if (major < 20 || (major === 20 && minor < 19))
      throw new Error(`version ${process.versions.node} is older than 20.19`)
    return `version ${process.versions.node}`
  })
  await examine('project', () =>
    withPlugins(context, globals, async ({ project, composition }) => {
      await examine('storage', async () => {
        const store = composition.get(ObjectStorePort)
        const key = `doctor/${randomUUID()}`
        const { version } = await store.put(key, Buffer.from('probe'), { ifAbsent: true })
        try {
          await store.put(key, Buffer.from('probe'), { ifAbsent: true })
          throw new Error('a create-only put succeeded twice')
        } catch (error) {
          if (!isPhloError(error, 'PHLO_OBJECT_EXISTS')) throw error
        }
        await store.put(key, Buffer.from('probe 2'), { ifMatch: version })
        await store.delete([key])
        return `writes, refuses to overwrite, deletes: ${store.uri('lake').replace(/\/lake$/, '')}`
      })
      await examine('catalog', async () => `${(await composition.get(CatalogPort).listTables()).length} tables on main`)
      await examine('engine', async () => {
        const [row] = await readRows(await composition.get(QueryEnginePort).query('SELECT 6 * 7 AS answer'))
        if (row?.['answer'] !== 42) throw new Error(`6 * 7 is ${JSON.stringify(row?.['answer'])}`)
        return `${composition.get(QueryEnginePort).dialect.name} answers`
      })
      await examine('state', async () => plural((await composition.get(StateStorePort).listRuns()).length, 'run'))
      return `${project.config.name}, profile ${project.profile}`
    }),
  )
  const sick = findings.some(({ error }) => error)
  const { terminal } = context
  if (globals.json) terminal.json(findings)
  else {
    for (const { what, detail, error } of findings) {
      terminal.print(
        `${error ? terminal.colors.red('✗') : terminal.colors.green('✓')} ${what} ${terminal.colors.dim(detail ?? '')}`,
      )
      if (error) terminal.print(indent(errorText(terminal, error)))
    }
  }
  return sick ? exitCode.failed : exitCode.ok
}
