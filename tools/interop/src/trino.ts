import { randomUUID } from 'node:crypto'
import { runningServer } from '@phlo/stack'

interface Answer {
  readonly nextUri?: string
  readonly columns?: readonly { readonly name: string }[]
  readonly data?: readonly (readonly unknown[])[]
  readonly error?: { readonly message: string }
}

/** Trino, as a witness: it is told of a catalog by the properties of its Iceberg connector. */
export class Trino {
  private readonly catalogs: string[] = []

  /** Makes a catalog of its own and gives its name. */
  async catalog(properties: Readonly<Record<string, string>>): Promise<string> {
    const name = `phlo_${randomUUID().replaceAll('-', '')}`
    const settings = Object.entries(properties).map(([key, value]) => `"${key}" = '${value}'`)
    await this.rows(`CREATE CATALOG ${name} USING iceberg WITH (${settings.join(', ')})`)
    this.catalogs.push(name)
    return name
  }

  /** The rows that a statement gives. */
  async rows(sql: string): Promise<Record<string, unknown>[]> {
    const url = `${runningServer('trino').uri}/v1/statement`
    let answer = await this.ask(url, { method: 'POST', body: sql })
    const found: Record<string, unknown>[] = []
    for (;;) {
      if (answer.error) throw new Error(`${sql}: ${answer.error.message}`)
      const { columns = [], data = [], nextUri } = answer
      for (const values of data) found.push(Object.fromEntries(columns.map(({ name }, index) => [name, values[index]])))
      if (nextUri === undefined) return found
      answer = await this.ask(nextUri)
    }
  }

  async close(): Promise<void> {
    for (const name of this.catalogs.splice(0)) await this.rows(`DROP CATALOG ${name}`)
  }

  private async ask(url: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(url, { ...init, headers: { 'x-trino-user': 'phlo' } })
    if (!response.ok) throw new Error(`Trino answered ${response.status}: ${await response.text()}`)
    return (await response.json()) as Answer
  }
}
