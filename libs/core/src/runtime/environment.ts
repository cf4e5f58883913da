import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { parseEnv } from 'node:util'
import { hasSystemCode, PhloError } from '@phlo/ports'
import { Secrets } from './secrets.js'
import type { YamlDocument } from './yaml-document.js'

/** Names of variables and options whose values nobody may see. */
const secretName = /secret|password|passwd|passphrase|(?:^|_)pass$|token|credential|private|api_?key|access_?key|^key$/i
/** A URL with a password. */
const urlPassword = /[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:([^@\s/]+)@/gi

const wayToWrite = '${env:NAME} or ${env:NAME:-default}'

/** Environment variables: those of the process, and below them those of `.phlo/.env.local`. */
export class Environment {
  private readonly variables: Readonly<Record<string, string | undefined>>
  readonly secrets = new Secrets()

  private constructor(variables: Readonly<Record<string, string | undefined>>) {
    this.variables = variables
    for (const [name, value] of Object.entries(variables)) this.noteSecrets(name, value ?? '')
  }

  static async load(
    projectDir: string,
    processEnv: Readonly<Record<string, string | undefined>>,
  ): Promise<Environment> {
    const file = path.join(projectDir, '.phlo', '.env.local')
    try {
      return new Environment({ ...parseEnv(await readFile(file, 'utf8')), ...processEnv })
    } catch (error) {
      if (hasSystemCode(error, 'ENOENT')) return new Environment(processEnv)
      throw error
    }
  }

  get(name: string): string | undefined {
    return this.variables[name]
  }

  /**
   * The value with every `${env:NAME}` and `${env:NAME:-default}` in its texts replaced.
   * Throws PHLO_CONFIG_INVALID, with the place in the YAML where there is one, for a variable that is not set.
   */
  interpolate(value: unknown, document?: YamlDocument, at: readonly (string | number)[] = []): unknown {
    if (typeof value === 'string') return this.interpolateText(value, document, at)
    if (Array.isArray(value)) return value.map((item, index) => this.interpolate(item, document, [...at, index]))
    if (isPlainObject(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, this.interpolate(item, document, [...at, key])]),
      )
    }
    return value
  }

  private interpolateText(text: string, document: YamlDocument | undefined, at: readonly (string | number)[]): string {
    const invalid = (problem: string, hint: string) =>
      new PhloError('PHLO_CONFIG_INVALID', problem, { hint, ...(document && { location: document.locate(at) }) })
    const result = text.replace(
      /\$\{env:(?:([A-Za-z_]\w*)(?::-([^}]*))?\})?/g,
      (_match, name: string | undefined, fallback: string | undefined) => {
        if (name === undefined) {
          throw invalid(`${JSON.stringify(text)} is no reference to an environment variable`, `Write ${wayToWrite}.`)
        }
        // As in a shell, the default also stands in for an empty value.
        const value = this.variables[name] || (fallback ?? this.variables[name])
        if (value !== undefined) return value
        throw invalid(
          `The environment variable ${name} is not set`,
          `Set it, put it into .phlo/.env.local, or give a default: \${env:${name}:-value}`,
        )
      },
    )
    this.noteSecrets(String(at.at(-1)), result)
    return result
  }

  /** The value, when its name says that it is secret; passwords of URLs in any case. */
  private noteSecrets(name: string, value: string): void {
    if (secretName.test(name)) this.secrets.add(value)
    for (const [, password] of value.matchAll(urlPassword)) {
      this.secrets.add(password)
      this.secrets.add(decoded(password as string))
    }
  }
}

/** Workflows may hand over instances of classes, which stay what they are. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Programs say a URL's password as it is meant, not as it is written. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // It is not encoded.
    return text
  }
}
