import { mkdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
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
 * were right once are not checked again until they change: `hash` stands for them.
 */
export async function checkTypes(
  files: readonly string[],
  hash: string,
  projectDir: string,
  programUrl: string,
): Promise<TypeCheck> {
  if (files.length === 0) return { status: 'checked', problems: [] }
  const mark = path.join(projectDir, '.phlo', 'cache', 'types', hash)
  if (await stat(mark).catch(() => undefined)) return { status: 'checked', problems: [] }
  const typescript = await findTypeScript(projectDir, programUrl)
  if (!typescript) return { status: 'unavailable' }
  const problems = diagnose(typescript, files, projectDir)
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

function diagnose(typescript: typeof ts, files: readonly string[], projectDir: string): TypeProblem[] {
  const program = typescript.createProgram(files, compilerOptions(typescript, projectDir))
  const diagnostics = [...program.getSyntacticDiagnostics(), ...program.getSemanticDiagnostics()]
  return diagnostics.flatMap(({ file, start, messageText, category }) => {
    if (!file || start === undefined || category !== typescript.DiagnosticCategory.Error) return []
    const { line, character } = typescript.getLineAndCharacterOfPosition(file, start)
    return [
      {
        message: typescript.flattenDiagnosticMessageText(messageText, '\n'),
        location: { file: file.fileName, line: line + 1, column: character + 1 },
      },
    ]
  })
}

/** The project's own settings where it has some, strict ones where not; nothing is ever written. */
function compilerOptions(typescript: typeof ts, projectDir: string): ts.CompilerOptions {
  const always: ts.CompilerOptions = {
    noEmit: true,
    skipLibCheck: true,
    composite: false,
    incremental: false,
    declaration: false,
    declarationMap: false,
  }
  const file = path.join(projectDir, 'tsconfig.json')
  const { config } = typescript.readConfigFile(file, (name) => typescript.sys.readFile(name)) as { config?: unknown }
  if (config !== undefined) {
    const { options } = typescript.parseJsonConfigFileContent(config, typescript.sys, projectDir)
    return { ...options, ...always }
  }
  return {
    ...always,
    strict: true,
    target: typescript.ScriptTarget.ES2022,
    module: typescript.ModuleKind.NodeNext,
    moduleResolution: typescript.ModuleResolutionKind.NodeNext,
    lib: ['lib.es2023.d.ts', 'lib.esnext.decorators.d.ts'],
    types: [],
  }
}
