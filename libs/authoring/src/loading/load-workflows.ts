import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Asset, type AssetCheck, nearest, type Schedule } from '@phlo/core'
import { errorMessage, isPhloError, PhloError, type SourceLocation } from '@phlo/ports'
import { collect, type DeclaredQuality } from '../collector.js'
import { compileFiles } from './compile.js'
import { workflowFiles } from './workflow-files.js'

/** What a project's workflow files declare. */
export interface Workflows {
  readonly assets: readonly Asset[]
  readonly quality: readonly DeclaredQuality[]
  readonly schedules: readonly Schedule[]
  /** The files, and a text that changes with them and with what they import. */
  readonly files: readonly string[]
  readonly hash: string
}

/**
 * Loads every workflow file below the folder as it is, TypeScript included.
 * Throws PHLO_WORKFLOW_INVALID with file, line and column of the user's own text.
 */
export async function loadWorkflows(folder: string, projectDir: string, programUrl: string): Promise<Workflows> {
  const files = await workflowFiles(folder)
  if (files.length === 0) return { assets: [], quality: [], schedules: [], files, hash: '' }
  const { outputs, hash } = await compileFiles(files, projectDir, programUrl)
  process.setSourceMapsEnabled(true)
  const { assets, quality, schedules } = await collect(async (decorated) => {
    for (const [index, output] of outputs.entries()) {
      const module = await importCompiled(output, files[index] as string, projectDir)
      instantiate(module, decorated)
    }
  })
  return { assets, quality, schedules, files, hash }
}

/** Imports one file of the project, for instance a plugin of its own. */
export async function importFile(file: string, projectDir: string, programUrl: string): Promise<unknown> {
  const { outputs } = await compileFiles([file], projectDir, programUrl)
  process.setSourceMapsEnabled(true)
  return importCompiled(outputs[0] as string, file, projectDir)
}

async function importCompiled(output: string, file: string, projectDir: string): Promise<unknown> {
  try {
    return (await import(pathToFileURL(output).href)) as unknown
  } catch (error) {
    if (isPhloError(error)) throw error
    throw new PhloError(
      'PHLO_WORKFLOW_INVALID',
      `${path.relative(projectDir, file)} cannot be loaded: ${errorMessage(error)}`,
      {
        location: locationIn(error, projectDir) ?? { file },
        cause: error,
      },
    )
  }
}

/** Where compiled decorators leave a class's metadata; Node 20 has no symbol of its own for it. */
const metadataSymbol = ((Symbol as { metadata?: symbol }).metadata ?? Symbol.for('Symbol.metadata')) as never

/** Makes an instance of each exported class with decorated methods, so that they have a `this`. */
function instantiate(module: unknown, decorated: readonly object[]): void {
  for (const value of Object.values(module as object)) {
    const metadata =
      typeof value === 'function' ? (value as Readonly<Record<symbol, object | undefined>>)[metadataSymbol] : undefined
    if (metadata && decorated.includes(metadata)) new (value as new () => unknown)()
  }
}

/** The topmost place of the stack that is the project's own. */
function locationIn(error: unknown, projectDir: string): SourceLocation | undefined {
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? String(error.stack) : ''
  for (const match of stack.matchAll(/(?:file:\/\/)?(\/[^\s()]+?):(\d+):(\d+)/g)) {
    const file = match[1] as string
    if (
      file.startsWith(projectDir + path.sep) &&
      !file.includes(`${path.sep}node_modules${path.sep}`) &&
      !file.includes(`${path.sep}.phlo${path.sep}`)
    ) {
      return { file, line: Number(match[2]), column: Number(match[3]) }
    }
  }
  return undefined
}

/** The assets with the checks that were declared apart from them. Throws PHLO_ASSET_UNKNOWN for checks of no asset. */
export function withQuality(assets: readonly Asset[], quality: readonly DeclaredQuality[]): Asset[] {
  const extra = new Map<string, AssetCheck[]>()
  for (const { table, checks, location } of quality) {
    const asset = assets.find(({ key, target }) => key === table || target.name === table)
    if (!asset) {
      const near = nearest(
        table,
        assets.flatMap(({ key, target }) => [key, target.name]),
      )
      throw new PhloError('PHLO_ASSET_UNKNOWN', `Checks are declared for ${JSON.stringify(table)}, which is no asset`, {
        hint: near === undefined ? 'Name an asset of the project.' : `Did you mean ${near}?`,
        ...(location && { location }),
      })
    }
    extra.set(asset.key, [...(extra.get(asset.key) ?? []), ...checks])
  }
  return assets.map((asset) => {
    const checks = [...asset.checks, ...(extra.get(asset.key) ?? [])]
    const twice = checks.find(({ name }, index) => checks.findIndex((other) => other.name === name) !== index)
    if (twice) {
      throw new PhloError('PHLO_CHECK_INVALID', `Two checks of ${asset.key} are named ${twice.name}`, {
        hint: 'Give one of them a name: { name: "…" }.',
        ...(twice.location && { location: twice.location }),
      })
    }
    return checks.length === asset.checks.length ? asset : { ...asset, checks }
  })
}
