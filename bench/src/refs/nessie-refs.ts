import { randomUUID } from 'node:crypto'
import type { ObjectStore } from '@phlo/ports'
import { BenchError } from '../bench-error.js'
import {
  listedTables,
  mergedTables,
  type Operation,
  type RefsParticipant,
  timed,
  together,
  usualTables,
} from './refs-participant.js'

/** Tables in one commit of the setup, and entries in one answer. */
const pageSize = 1_000

type Content = Readonly<Record<string, unknown>>
type Answer = Readonly<Record<string, unknown>>

interface Branch {
  readonly name: string
  hash: string
}

const contentOf = (id?: string): Content => ({
  type: 'ICEBERG_TABLE',
  ...(id !== undefined && { id }),
  metadataLocation: `file:///warehouse/${randomUUID()}.metadata.json`,
  snapshotId: 1,
  schemaId: 0,
  specId: 0,
  sortOrderId: 0,
})

const put = (name: string, id?: string) => ({
  type: 'PUT',
  key: { elements: ['bronze', name] },
  content: contentOf(id),
})

/**
 * The same on Nessie's API v2. What its client could know is not asked for: the hash of a branch, the ids of tables; and
 * metadata files are stored with no look at the ones before.
 */
export class NessieRefs implements RefsParticipant {
  readonly name: string
  readonly what: string
  private readonly api: string
  /** Where metadata files are stored durably, as Phlo's. */
  private readonly store: ObjectStore
  private readonly metadata: Uint8Array
  private main: Branch = { name: 'main', hash: '' }
  private readonly ids = new Map<string, string>()
  private count = 0

  constructor(
    { name, what }: Pick<RefsParticipant, 'name' | 'what'>,
    api: string,
    store: ObjectStore,
    metadata: Uint8Array,
  ) {
    this.name = name
    this.what = what
    this.api = api
    this.store = store
    this.metadata = metadata
  }

  async create(): Promise<void> {
    const { reference } = await this.send('GET', '/trees/main')
    this.main = { name: 'main', hash: String((reference as Answer)['hash']) }
    await this.commit(this.main, [
      { type: 'PUT', key: { elements: ['bronze'] }, content: { type: 'NAMESPACE', elements: ['bronze'] } },
    ])
    const listed = await this.branch('listed')
    await this.commit(this.main, named(0, usualTables))
    for (let first = 0; first < listedTables; first += pageSize) await this.commit(listed, named(first, pageSize))
    this.ids.clear()
    const { contents } = await this.send('POST', '/trees/main/contents', {
      requestedKeys: named(0, usualTables).map(({ key }) => key),
    })
    for (const { key, content } of contents as { key: { elements: string[] }; content: { id: string } }[])
      this.ids.set(key.elements[1] ?? '', content.id)
  }

  async once(operation: Operation): Promise<number> {
    const count = ++this.count
    switch (operation) {
      case 'create-branch':
        return timed(() => this.branch(`branch-${count}`))
      case 'commit':
        return timed(() => this.commit(this.main, [put(`registered_${count}`)]))
      case 'commit-with-metadata':
        return timed(() => this.change(this.main, usualTables / 2))
      case 'fast-forward':
      case 'three-way':
        return this.merge(`${operation}-${count}`, operation === 'fast-forward')
      case 'list':
        return this.list()
    }
  }

  private async merge(name: string, forward: boolean): Promise<number> {
    const branch = await this.branch(name)
    await this.commit(
      branch,
      named(0, mergedTables).map((_, index) => this.known(index)),
    )
    if (!forward) await this.commit(this.main, [this.known(mergedTables)])
    let applied: unknown
    const milliseconds = await timed(async () => {
      const { wasApplied, resultantTargetHash } = await this.send('POST', `${pathOf(this.main)}/history/merge`, {
        fromRefName: name,
        fromHash: branch.hash,
      })
      applied = wasApplied
      this.main.hash = String(resultantTargetHash)
    })
    if (applied !== true) throw new BenchError(`${this.name} did not merge`)
    return milliseconds
  }

  private async list(): Promise<number> {
    let found = 0
    const milliseconds = await timed(async () => {
      for (let token = ''; ;) {
        const page = await this.send('GET', `/trees/listed/entries?max-records=${pageSize}${token}`)
        found += (page['entries'] as { type: string }[]).filter(({ type }) => type === 'ICEBERG_TABLE').length
        if (page['hasMore'] !== true) break
        token = `&page-token=${encodeURIComponent(String(page['token']))}`
      }
    })
    if (found !== listedTables) throw new BenchError(`${this.name} listed ${found} tables`)
    return milliseconds
  }

  async writers(count: number, seconds: number): Promise<number> {
    // Each writer goes by the branch as it was at first: Nessie puts commits to other tables on top of each other.
    const branches = Array.from({ length: count }, (): Branch => ({ ...this.main }))
    const milliseconds = await together(count, seconds, (writer) => this.change(branches[writer] as Branch, writer))
    const { reference } = await this.send('GET', '/trees/main')
    this.main.hash = String((reference as Answer)['hash'])
    return milliseconds
  }

  /** A metadata file stored, and a commit of it. */
  private async change(branch: Branch, table: number): Promise<void> {
    await this.store.put(`metadata/${randomUUID()}.metadata.json`, this.metadata, { ifAbsent: true })
    await this.commit(branch, [this.known(table)])
  }

  private known(table: number) {
    const name = `table_${table}`
    return put(name, this.ids.get(name))
  }

  private async branch(name: string): Promise<Branch> {
    const { hash } = this.main
    await this.send('POST', `/trees?name=${name}&type=BRANCH`, { type: 'BRANCH', name: 'main', hash })
    return { name, hash }
  }

  private async commit(branch: Branch, operations: readonly Content[]): Promise<void> {
    const answer = await this.send('POST', `${pathOf(branch)}/history/commit`, {
      commitMeta: { message: 'Changed' },
      operations,
    })
    branch.hash = String((answer['targetBranch'] as Answer)['hash'])
  }

  private async send(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(this.api + path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new BenchError(`${this.name}: ${method} ${path} got ${response.status}: ${text}`)
    return JSON.parse(text) as Answer
  }
}

function named(first: number, count: number) {
  return Array.from({ length: count }, (_, index) => put(`table_${first + index}`))
}

function pathOf({ name, hash }: Branch): string {
  return `/trees/${name}@${hash}`
}
