import { createHash } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { SourceLocation } from '@phlo/ports'
import { resolve } from 'import-meta-resolve'
import type ts from 'typescript'

/** A type error in the user's text. */
export interface TypeProblem {
  readonly message: string
  readonly location: SourceLocation
}

export type TypeCheck =
  | { readonly status: 'checked'; readonly problems: readonly TypeProblem[] }
  /** No TypeScript is installed where the project could see it. */
  | { readonly status: 'unavailable' }

/**
 * Checks the types of workflow files with the TypeScript that the project (or else the program) has installed. Files that
 * were right once are not checked again until they or the settings change: `hash` stands for them.
 */
export async function checkTypes(
  files: readonly string[],
  hash: string,
  projectDir: string,
  programUrl: string,
): Promise<TypeCheck> {
  if (files.length === 0) return { status: 'checked', problems: [] }
  const settings = await readFile(path.join(projectDir, 'tsconfig.json'), 'utf8').catch(() => '')
  const state = createHash('sha256')
    .update(JSON.stringify([hash, settings, programUrl]))
    .digest('hex')
    .slice(0, 24)
  const mark = path.join(projectDir, '.phlo', 'cache', 'types', state)
  if (await stat(mark).catch(() => undefined)) return { status: 'checked', problems: [] }
  const typescript = await findTypeScript(projectDir, programUrl)
  if (!typescript) return { status: 'unavailable' }
  const problems = diagnose(typescript, files, projectDir, fileURLToPath(programUrl))
  if (problems.length === 0) {
    await mkdir(path.dirname(mark), { recursive: true })
    await writeFile(mark, '')
  }
  return { status: 'checked', problems }
}

async function findTypeScript(projectDir: string, programUrl: string): Promise<typeof ts | undefined> {
  for (const parent of [pathToFileURL(path.join(projectDir, 'phlo.yaml')).href, programUrl]) {
    try {
      const module = (await import(resolve('typescript', parent))) as { default?: typeof ts }
      // Version 7 is another program with another interface.
      if (typeof module.default?.createProgram === 'function') return module.default
    } catch {
      // Not here.
    }
  }
  return undefined
}

function diagnose(
  typescript: typeof ts,
  files: readonly string[],
  projectDir: string,
  programFile: string,
): TypeProblem[] {
  const { options, errors } = compilerOptions(typescript, projectDir)
  // Settings that are wrong make everything else look wrong.
  if (errors.length > 0) return errors.flatMap((error) => problemOf(typescript, error, projectDir))
  const host = typescript.createCompilerHost(options)
  // As when the files run: packages are the project's own, or else the program's.
  host.resolveModuleNameLiterals = (literals, containingFile, redirected, _options, sourceFile) =>
    literals.map((literal) => {
      const mode = typescript.getModeForUsageLocation(sourceFile, literal, options)
      const from = (file: string) =>
        typescript.resolveModuleName(literal.text, file, options, host, undefined, redirected, mode)
      const found = from(containingFile)
      return found.resolvedModule || /^[./]/.test(literal.text) ? found : from(programFile)
    })
  const program = typescript.createProgram(files, options, host)
  const diagnostics = [...program.getSyntacticDiagnostics(), ...program.getSemanticDiagnostics()]
  return diagnostics.flatMap((diagnostic) => problemOf(typescript, diagnostic, projectDir))
}

function problemOf(
  typescript: typeof ts,
  { file, start, messageText, category }: ts.Diagnostic,
  projectDir: string,
): TypeProblem[] {
  if (category !== typescript.DiagnosticCategory.Error) return []
  const message = typescript.flattenDiagnosticMessageText(messageText, '\n')
  // Faults of the settings as a whole have no place.
  if (!file || start === undefined) return [{ message, location: { file: path.join(projectDir, 'tsconfig.json') } }]
  const { line, character } = typescript.getLineAndCharacterOfPosition(file, start)
  return [{ message, location: { file: file.fileName, line: line + 1, column: character + 1 } }]
}

/** The project's own settings where it has some, strict ones where not; nothing is ever written. */
function compilerOptions(
  typescript: typeof ts,
  projectDir: string,
): { readonly options: ts.CompilerOptions; readonly errors: readonly ts.Diagnostic[] } {
  const always: ts.CompilerOptions = {
    noEmit: true,
    skipLibCheck: true,
    composite: false,
    incremental: false,
    declaration: false,
    declarationMap: false,
  }
  const file = path.join(projectDir, 'tsconfig.json')
  if (typescript.sys.fileExists(file)) {
    const read = (name: string) => typescript.sys.readFile(name)
    const { error } = typescript.readConfigFile(file, read)
    const json = typescript.readJsonConfigFile(file, read)
    const { options, errors } = typescript.parseJsonSourceFileConfigFileContent(json, typescript.sys, projectDir)
    // Which files the settings list does not matter here.
    const others = errors.filter(({ code }) => code !== noInputs)
    return { options: { ...options, ...always }, errors: error ? [error] : others }
  }
  return {
    errors: [],
    options: {
      ...always,
      strict: true,
      target: typescript.ScriptTarget.ES2022,
      module: typescript.ModuleKind.NodeNext,
      moduleResolution: typescript.ModuleResolutionKind.NodeNext,
      lib: ['lib.es2023.d.ts', 'lib.esnext.decorators.d.ts'],
      types: [],
    },
  }
}

/** TypeScript's code for settings that match no file. */
const noInputs = 18003
