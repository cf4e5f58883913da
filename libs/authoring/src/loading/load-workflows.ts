import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Asset, type AssetCheck, type Schedule } from '@phlo/core'
import { errorMessage, isPhloError, nearest, PhloError, restated, type SourceLocation } from '@phlo/ports'
import { collect, type DeclaredQuality, type DecoratedMethod } from '../collector.js'
import { stackFrames } from '../stack-frames.js'
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
    const made = new Set<object>()
    for (const [index, output] of outputs.entries()) {
      const file = files[index] as string
      const module = await located(file, projectDir, async () => (await import(pathToFileURL(output).href)) as unknown)
      await located(file, projectDir, async () => instantiate(module, decorated, made))
    }
    const hidden = decorated.find(({ metadata }) => !made.has(metadata))
    if (hidden) {
      throw new PhloError(
        'PHLO_WORKFLOW_INVALID',
        `The class of the decorated method ${hidden.method} is not exported`,
        {
          hint: 'Export the class, so that Phlo can make an instance of it, or make the method static.',
          ...(hidden.location && { location: hidden.location }),
        },
      )
    }
  })
  checkScheduleNames(schedules)
  return { assets, quality, schedules, files, hash }
}

/** Imports one file of the project, for instance a plugin of its own. */
export async function importFile(file: string, projectDir: string, programUrl: string): Promise<unknown> {
  const { outputs } = await compileFiles([file], projectDir, programUrl)
  process.setSourceMapsEnabled(true)
  return located(file, projectDir, async () => (await import(pathToFileURL(outputs[0] as string).href)) as unknown)
}

/** Runs the user's own code; errors of it point to where in the project they came from. */
async function located<T>(file: string, projectDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const location = locationIn(error, projectDir) ?? { file }
    if (!isPhloError(error)) {
      throw new PhloError(
        'PHLO_WORKFLOW_INVALID',
        `${path.relative(projectDir, file)} cannot be loaded: ${errorMessage(error)}`,
        { location, cause: error },
      )
    }
    if (error.location) throw error
    throw restated(error, { location, cause: error })
  }
}

/** Where compiled decorators leave a class's metadata; Node 20 has no symbol of its own for it. */
const metadataSymbol = ((Symbol as { metadata?: symbol }).metadata ?? Symbol.for('Symbol.metadata')) as never

/** Makes an instance of each exported class with decorated methods, its own or inherited, so that they have a `this`. */
function instantiate(module: unknown, decorated: readonly DecoratedMethod[], made: Set<object>): void {
  for (const value of Object.values(module as object)) {
    if (typeof value !== 'function') continue
    let isWanted = false
    let metadata = (value as Readonly<Record<symbol, object | null | undefined>>)[metadataSymbol]
    for (; metadata; metadata = Object.getPrototypeOf(metadata) as object | null) {
      const own = metadata
      if (made.has(own) || !decorated.some((method) => method.metadata === own)) continue
      made.add(own)
      isWanted = true
    }
    if (isWanted) new (value as unknown as new () => unknown)()
  }
}

/** The topmost place of the stack that is the project's own. */
function locationIn(error: unknown, projectDir: string): SourceLocation | undefined {
  return stackFrames(error).find(({ file }) => {
    const [first, ...rest] = path.relative(projectDir, file).split(path.sep)
    return first !== '..' && first !== '.phlo' && ![first, ...rest].includes('node_modules')
  })
}

function checkScheduleNames(schedules: readonly Schedule[]): void {
  const twice = schedules.find(({ name }, index) => schedules.findIndex((other) => other.name === name) !== index)
  if (!twice) return
  throw new PhloError('PHLO_WORKFLOW_INVALID', `Two schedules are named ${twice.name}`, {
    ...(twice.location && { location: twice.location }),
  })
}

/** The asset with that key, or else the only one whose table has that name. Throws PHLO_ASSET_UNKNOWN. */
function assetNamed(assets: readonly Asset[], name: string, location: SourceLocation | undefined): Asset {
  const fault = (problem: string, hint: string) =>
    new PhloError('PHLO_ASSET_UNKNOWN', `Checks are declared for ${JSON.stringify(name)}, which is ${problem}`, {
      hint,
      ...(location && { location }),
    })
  const exact = assets.find(({ key }) => key === name)
  if (exact) return exact
  const [first, ...others] = assets.filter(({ target }) => target.name === name)
  if (first && others.length === 0) return first
  if (first) throw fault('several assets', `Name one of ${[first, ...others].map(({ key }) => key).join(', ')}.`)
  const near = nearest(
    name,
    assets.flatMap(({ key, target }) => [key, target.name]),
  )
  throw fault('no asset', near === undefined ? 'Name an asset of the project.' : `Did you mean ${near}?`)
}

/** The assets with the checks that were declared apart from them. Throws PHLO_ASSET_UNKNOWN for checks of no asset. */
export function withQuality(assets: readonly Asset[], quality: readonly DeclaredQuality[]): Asset[] {
  const extra = new Map<string, AssetCheck[]>()
  for (const { table, checks, location } of quality) {
    const asset = assetNamed(assets, table, location)
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
