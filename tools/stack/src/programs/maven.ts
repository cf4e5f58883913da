import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { runProgram } from '../run-program.js'
import { StackError } from '../stack-error.js'
import { cached, sha256Of } from './cached.js'

const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.9.0'

/** An artifact of a Maven repository, pinned by its checksum. */
export interface MavenArtifact {
  /** `group:name:version:type[:classifier]` */
  readonly artifact: string
  readonly version: string
  readonly sha256: string
}

/** The artifact's file in the cache. Throws a StackError when Maven cannot get it, or gets something else. */
export async function mavenFile(pinned: MavenArtifact): Promise<string> {
  const folder = await cached(keyOf(pinned), (draft) => copyArtifact(pinned, draft))
  return path.join(folder, await onlyFile(folder))
}

/** The folder that the artifact, a gzipped tar of one folder, was unpacked to. */
export async function mavenArchive(pinned: MavenArtifact): Promise<string> {
  const folder = await cached(keyOf(pinned), async (draft) => {
    await copyArtifact(pinned, draft)
    const archive = path.join(draft, await onlyFile(draft))
    await runProgram('tar', ['-xzf', archive, '-C', draft])
    await runProgram('rm', [archive])
  })
  return path.join(folder, await onlyFile(folder))
}

/** The folder of all jars that a POM names and they need. */
export async function mavenJars(name: string, pom: string): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(pom))
    .digest('hex')
  return cached(`${name}-${digest.slice(0, 16)}`, (draft) =>
    maven('--file', pom, `${plugin}:copy-dependencies`, '-DincludeScope=runtime', `-DoutputDirectory=${draft}`),
  )
}

async function copyArtifact({ artifact, sha256 }: MavenArtifact, folder: string): Promise<void> {
  await maven(`${plugin}:copy`, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`)
  const got = await sha256Of(path.join(folder, await onlyFile(folder)))
  if (got !== sha256) throw new StackError(`${artifact} has the SHA-256 ${got} and not ${sha256}`)
}

async function maven(...args: string[]): Promise<void> {
  await runProgram('mvn', ['--quiet', '--batch-mode', ...args])
}

function keyOf({ artifact, version }: MavenArtifact): string {
  return `${artifact.split(':')[1] ?? artifact}-${version}`
}

async function onlyFile(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name !== 'phlo-contents.json')
  const [name] = names
  if (name !== undefined && names.length === 1) return name
  throw new StackError(`${folder} holds ${names.join(', ') || 'nothing'} where one file was expected`)
}
