import { beforeEach, describe, expect, it } from '@jest/globals'
import type { CatalogChange, CommitResult, Rendezvous } from '@phlo/ports'
import { MemoryObjectStore, newTable, setProperty } from '@phlo/ports/testing'
import { EmbeddedCatalog } from './embedded-catalog.js'
import { tableIn } from './testing/small-tables.js'

type Answer = (question: unknown) => Promise<unknown>

/** What becomes of a question on its way to the leader and back. */
type Way = (answer: Answer, question: unknown) => Promise<unknown>

/** A store whose catalogs find each other as processes of one machine do; what is said between them can get lost. */
class SharedStore extends MemoryObjectStore {
  asked = 0
  way: Way = (answer, question) => answer(question)
  private leader: Answer | undefined
  readonly rendezvous: Rendezvous = {
    find: async () => {
      const { leader } = this
      if (!leader) return undefined
      return {
        ask: (question) => {
          this.asked++
          return this.way(leader, structuredClone(question))
        },
      }
    },
    serve: async (_topic, answer) => {
      this.leader = answer
      return { isFound: () => this.leader === answer, close: () => undefined }
    },
  }
}

const tables = Array.from({ length: 8 }, (_, index) => tableIn('a')(`t${index}`))

describe('catalogs that meet on a branch', () => {
  let store: SharedStore
  let catalogs: EmbeddedCatalog[]

  beforeEach(async () => {
    store = new SharedStore()
    catalogs = await Promise.all(tables.map(() => EmbeddedCatalog.open(store)))
    const [first] = catalogs as [EmbeddedCatalog]
    const creation: CatalogChange[] = [
      { kind: 'create-namespace', namespace: ['a'] },
      ...tables.map((table) => newTable(first, table)),
    ]
    await first.commit(creation, { message: 'tables' })
  })

  const change = (index: number, key: string, message = key) =>
    (catalogs[index] as EmbeddedCatalog).commit([setProperty(tables[index] as (typeof tables)[0], key, 'x')], {
      message,
      author: `writer ${index}`,
      properties: { index: `${index}` },
    })

  /** All at once, until one of them leads. */
  const meet = () => Promise.all(tables.map((_, index) => change(index, 'met')))

  const history = async () => {
    const commits = []
    for await (const commit of (catalogs[0] as EmbeddedCatalog).log('main')) commits.push(commit)
    return commits
  }

  const expectEachOnce = async (results: readonly CommitResult[], message: string) => {
    const commits = (await history()).filter((commit) => commit.message === message)
    expect(commits.map(({ id }) => id).sort()).toEqual(results.map(({ commit }) => commit).sort())
    expect(commits.map(({ author, properties }) => `${author} ${properties['index']}`).sort()).toEqual(
      results.map((_, index) => `writer ${index} ${index}`),
    )
    for (const [index, table] of tables.entries()) {
      const loaded = await (catalogs[0] as EmbeddedCatalog).loadTable(table)
      expect(loaded?.metadata).toEqual(results[index]?.tables[0]?.metadata)
    }
  }

  it('let one of them make the commits of all, with few moves of the branch', async () => {
    await expectEachOnce(await meet(), 'met')
    const puts: string[] = []
    const put = store.put.bind(store)
    store.put = (key, ...rest) => {
      puts.push(key)
      return put(key, ...rest)
    }
    store.asked = 0
    await expectEachOnce(await Promise.all(tables.map((_, index) => change(index, 'shared'))), 'shared')
    expect(store.asked).toBe(tables.length - 1)
    expect(puts.filter((key) => key === 'catalog/refs/main').length).toBeLessThanOrEqual(3)
    expect(puts.filter((key) => key.startsWith('catalog/commits/'))).toHaveLength(tables.length)
  })

  it.each<[string, Way]>([
    ['before it is done', async () => undefined],
    [
      'after it is done',
      async (answer, question) => {
        await answer(question)
        return undefined
      },
    ],
    [
      'while it is done',
      async (answer, question) => {
        void answer(question).catch(() => undefined)
        return undefined
      },
    ],
    ['for nonsense', async (answer) => answer({ id: 1, reads: 'all' }).catch(() => ({ commit: 7 }))],
  ])('do each commit once where the leader’s answer is lost %s', async (_when, way) => {
    await meet()
    store.way = way
    const results = await Promise.all(tables.map((_, index) => change(index, 'lost')))
    await expectEachOnce(results, 'lost')
  })

  it('do a commit again when what it read has changed on its way', async () => {
    await meet()
    const leader = catalogs.findIndex((_, index) => index > 0)
    let isFirst = true
    store.way = async (answer, question) => {
      if (isFirst) {
        isFirst = false
        store.way = (next, same) => next(same)
        await (catalogs[leader] as EmbeddedCatalog).commit([setProperty(tables[0] as (typeof tables)[0], 'b', 'x')], {
          message: 'between',
        })
      }
      return answer(question)
    }
    await Promise.all([change(0, 'c'), change(1, 'c'), change(2, 'c')])
    const loaded = await (catalogs[3] as EmbeddedCatalog).loadTable(tables[0] as (typeof tables)[0])
    expect(loaded?.metadata.properties).toMatchObject({ met: 'x', b: 'x', c: 'x' })
  })

  it('refuse what a protected branch does not take, whoever is asked', async () => {
    await meet()
    await (catalogs[5] as EmbeddedCatalog).protectRef('main', true)
    const refused = await Promise.allSettled(tables.map((_, index) => change(index, 'no')))
    expect(refused.map((one) => one.status === 'rejected' && (one.reason as { code: string }).code)).toEqual(
      tables.map(() => 'PHLO_REF_PROTECTED'),
    )
  })
})
