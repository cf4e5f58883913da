import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { PhloError } from '@phlo/ports'
import type { BuildFailure, Plugin } from 'esbuild'
import { resolve } from 'import-meta-resolve'

/** Compiled files, in the order of the given ones. */
export interface Compiled {
  readonly outputs: readonly string[]
  /** Changes with any source that went in. */
  readonly hash: string
}

/** Milliseconds. */
const oldAfter = 60 * 60_000

interface Manifest {
  /** Hash of every source that went in, by path from the project's folder. */
  readonly inputs: Readonly<Record<string, string>>
  readonly outputs: readonly string[]
}

/**
 * Compiles TypeScript files for Node, with what they import from the project's own folder, into `.phlo/cache`. When no
 * source changed since the last time, nothing is done. Packages stay imports, and resolve from the project or, for
 * `phlo` and `zod`, from the program.
 *
 * Throws PHLO_WORKFLOW_INVALID with file, line and column for what does not parse or resolve.
 */
export async function compileFiles(
  files: readonly string[],
  projectDir: string,
  programUrl: string,
): Promise<Compiled> {
  const key = hash(
    // What comes from the program has its address in the output.
    JSON.stringify([
      files.map((file) => path.relative(projectDir, file)),
      process.versions.node.split('.')[0],
      programUrl,
    ]),
  )
  const folder = path.join(projectDir, '.phlo', 'cache', 'workflows', key)
  const manifestFile = path.join(folder, 'manifest.json')
  const known = await readManifest(manifestFile)
  if (known && (await unchanged(known, projectDir))) {
    return { outputs: known.outputs.map((output) => path.join(folder, output)), hash: hashOf(known) }
  }
  const manifest = await build(files, projectDir, programUrl, folder, known)
  return { outputs: manifest.outputs.map((output) => path.join(folder, output)), hash: hashOf(manifest) }
}

async function build(
  files: readonly string[],
  projectDir: string,
  programUrl: string,
  folder: string,
  previous: Manifest | undefined,
): Promise<Manifest> {
  const esbuild = await import('esbuild')
  const id = `${Date.now().toString(36)}-${randomBytes(6).toString('hex')}`
  const out = path.join(folder, id)
  try {
    const result = await esbuild.build({
      absWorkingDir: projectDir,
      entryPoints: files.map((file, index) => ({
        in: file,
        out: `${index}-${path.basename(file).replace(/\.\w+$/, '')}`,
      })),
      outdir: out,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: `node${process.versions.node}`,
      // Decorators are lowered although Node parses the rest.
      supported: { decorators: false },
      sourcemap: 'linked',
      metafile: true,
      logLevel: 'silent',
      plugins: [packagesOf(projectDir, programUrl)],
    })
    const inputs: Record<string, string> = {}
    for (const input of Object.keys(result.metafile.inputs))
      inputs[input] = hash(await readFile(path.resolve(projectDir, input)))
    const byEntry = new Map(
      Object.entries(result.metafile.outputs).map(([output, { entryPoint }]) => [
        entryPoint,
        path.relative(folder, path.resolve(projectDir, output)),
      ]),
    )
    const outputs = files.map(
      (file) => byEntry.get(path.relative(projectDir, file).split(path.sep).join('/')) as string,
    )
    const manifest: Manifest = { inputs, outputs }
    await writeWhole(path.join(folder, 'manifest.json'), JSON.stringify(manifest))
    await removeOld(
      folder,
      new Set([id, ...(previous?.outputs ?? []).map((output) => output.split(path.sep)[0] as string)]),
    )
    return manifest
  } catch (error) {
    await rm(out, { recursive: true, force: true })
    throw toWorkflowError(error, projectDir)
  }
}

/** Earlier compilations go once no process can be about to import from them; the last one may be, however old it is. */
async function removeOld(folder: string, kept: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    const made = parseInt(name.split('-')[0] as string, 36)
    if (kept.has(name) || !/^[0-9a-z]+-[0-9a-f]+$/.test(name) || Date.now() - made < oldAfter) continue
    await rm(path.join(folder, name), { recursive: true, force: true })
  }
}

/** Packages are left to Node; only those that the project lacks and the program has get the program's address. */
function packagesOf(projectDir: string, programUrl: string): Plugin {
  return {
    name: 'packages',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) => {
        if (kind === 'entry-point' || path.isAbsolute(name)) return undefined
        if (name.startsWith('node:') || resolvable(name, pathToFileURL(path.join(projectDir, 'phlo.yaml')).href))
          return { path: name, external: true }
        const own = resolvable(name, programUrl)
        if (own !== undefined) return { path: own, external: true }
        return {
          errors: [{ text: `Cannot find the package ${JSON.stringify(name)}. Install it: npm install ${name}` }],
        }
      })
    },
  }
}

function resolvable(name: string, parent: string): string | undefined {
  try {
    return resolve(name, parent)
  } catch {
    return undefined
  }
}

function toWorkflowError(error: unknown, projectDir: string): unknown {
  const [first] = (error as Partial<BuildFailure>).errors ?? []
  if (!first) return error
  const { location } = first
  return new PhloError('PHLO_WORKFLOW_INVALID', first.text, {
    ...(location && {
      location: { file: path.resolve(projectDir, location.file), line: location.line, column: location.column + 1 },
    }),
    cause: error,
  })
}

async function readManifest(file: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Manifest
  } catch {
    // Not there, or cut off: compile again.
    return undefined
  }
}

async function unchanged({ inputs, outputs }: Manifest, projectDir: string): Promise<boolean> {
  if (outputs.some((output) => typeof output !== 'string')) return false
  const same = await Promise.all(
    Object.entries(inputs).map(async ([input, expected]) => {
      const content = await readFile(path.resolve(projectDir, input)).catch(() => undefined)
      return content !== undefined && hash(content) === expected
    }),
  )
  return same.every(Boolean)
}

/** Another process sees the old or the new file, whole. */
async function writeWhole(file: string, content: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true })
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(temporary, content)
  await rename(temporary, file)
}

function hashOf({ inputs }: Manifest): string {
  return hash(JSON.stringify(Object.entries(inputs).sort()))
}

function hash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 24)
}
