import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { parseEnv } from 'node:util'
import { hasSystemCode, PhloError } from '@phlo/ports'
import { Secrets } from './secrets.js'
import type { YamlDocument } from './yaml-document.js'

/** Names of variables and options whose values nobody may see. */
const secretName = /secret|password|passwd|token|credential|private|api_?key|access_?key|^key$/i

/** Environment variables: those of the process, and below them those of `.phlo/.env.local`. */
export class Environment {
  private readonly variables: Readonly<Record<string, string | undefined>>
  readonly secrets = new Secrets()

  private constructor(variables: Readonly<Record<string, string | undefined>>) {
    this.variables = variables
    for (const [name, value] of Object.entries(variables)) if (secretName.test(name)) this.secrets.add(value)
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
   * Throws PHLO_CONFIG_INVALID, with the place in the YAML, for a variable that is not set.
   */
  interpolate(value: unknown, document: YamlDocument, at: readonly (string | number)[]): unknown {
    if (typeof value === 'string') return this.interpolateText(value, document, at)
    if (Array.isArray(value)) return value.map((item, index) => this.interpolate(item, document, [...at, index]))
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, this.interpolate(item, document, [...at, key])]),
      )
    }
    return value
  }

  private interpolateText(text: string, document: YamlDocument, at: readonly (string | number)[]): string {
    const result = text.replace(
      /\$\{env:([^}:]*)(?::-([^}]*))?\}/g,
      (_match, name: string, fallback: string | undefined) => {
        const value = this.variables[name] ?? fallback
        if (value === undefined) {
          throw new PhloError('PHLO_CONFIG_INVALID', `The environment variable ${name} is not set`, {
            hint: `Set it, put it into .phlo/.env.local, or give a default: \${env:${name}:-value}`,
            location: document.locate(at),
          })
        }
        return value
      },
    )
    if (secretName.test(String(at.at(-1)))) this.secrets.add(result)
    const password = /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:([^@\s]+)@/i.exec(result)?.[1]
    this.secrets.add(password)
    return result
  }
}
