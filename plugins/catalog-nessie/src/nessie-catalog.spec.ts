import { afterEach, describe, expect, it } from '@jest/globals'
import { type ScriptedAnswer, ScriptedServer, type SeenRequest } from '@phlo/iceberg-rest/testing'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { NessieCatalog } from './nessie-catalog.js'
import { NessieCatalogOptions } from './options.js'

let server: ScriptedServer | undefined

afterEach(async () => {
  await server?.stop()
})

const root = '0'.repeat(64)
const first = '1'.repeat(64)
const second = '2'.repeat(64)

type Answers = Readonly<Record<string, ScriptedAnswer | ((request: SeenRequest, number: number) => ScriptedAnswer)>>

/** A catalog whose server answers by method and path; everything else is not found. */
async function open(
  answers: Answers,
  config: unknown = { noAncestorHash: root, defaultBranch: 'main' },
): Promise<NessieCatalog> {
  const asked = new Map<string, number>()
  server = await ScriptedServer.start((request) => {
    const [resource = ''] = request.path.split('?')
    if (resource === '/api/v2/config') return { status: 200, json: config }
    const key = `${request.method} ${decodeURIComponent(resource.replace('/api/v2', ''))}`
    const number = asked.get(key) ?? 0
    asked.set(key, number + 1)
    const answer = answers[key] ?? {
      status: 404,
      json: {
        status: 404,
        errorCode: 'REFERENCE_NOT_FOUND',
        message: 'not here',
      },
    }
    return typeof answer === 'function' ? answer(request, number) : answer
  })
  const options = NessieCatalogOptions.parse({
    uri: `${server.uri}/api/v2/`,
    timeout: 60_000,
    attempts: 2,
  })
  return NessieCatalog.open(options, new MemoryObjectStore())
}

const main = (hash: string): ScriptedAnswer => ({
  status: 200,
  json: { reference: { type: 'BRANCH', name: 'main', hash } },
})
const nothing: ScriptedAnswer = { status: 200, json: { contents: [] } }
const namespace = { kind: 'create-namespace', namespace: ['a'] } as const

/** The property by which a commit that was sent can be found again. */
function sentMark(): string | undefined {
  const commit = server?.seen.find(({ path }) => path.endsWith('/history/commit'))
  const body = JSON.parse(commit?.body ?? '{}') as {
    commitMeta?: { allProperties: Record<string, string[]> }
  }
  return body.commitMeta?.allProperties['phlo.attempt']?.[0]
}

function history(...entries: readonly { hash: string; mark?: string | undefined }[]): ScriptedAnswer {
  return {
    status: 200,
    json: {
      hasMore: false,
      logEntries: entries.map(({ hash, mark = 'other' }) => ({
        commitMeta: {
          hash,
          message: 'm',
          commitTime: '2026-01-01T00:00:00Z',
          allProperties: { 'phlo.attempt': [mark] },
        },
      })),
    },
  }
}

describe('A commit whose answer got lost', () => {
  it('is found in the branch’s history by its mark', async () => {
    const catalog = await open({
      'GET /trees/main': main(first),
      [`POST /trees/@${first}/contents`]: nothing,
      [`POST /trees/main@${first}/history/commit`]: { cut: true },
      'GET /trees/main/history': () => history({ hash: second, mark: sentMark() }, { hash: first }),
    })
    expect(await catalog.commit([namespace], { message: 'm' })).toMatchObject({
      commit: second,
    })
  })

  it('is made again where the history lacks it', async () => {
    const catalog = await open({
      'GET /trees/main': main(first),
      [`POST /trees/@${first}/contents`]: nothing,
      [`POST /trees/main@${first}/history/commit`]: (_, number) =>
        number === 0
          ? { status: 502 }
          : {
              status: 200,
              json: {
                targetBranch: { type: 'BRANCH', name: 'main', hash: second },
              },
            },
      'GET /trees/main/history': history({ hash: first }),
    })
    expect(await catalog.commit([namespace], { message: 'm' })).toMatchObject({
      commit: second,
    })
  })

  it('stays unknown where the history cannot be asked for', async () => {
    const catalog = await open({
      'GET /trees/main': main(first),
      [`POST /trees/@${first}/contents`]: nothing,
      [`POST /trees/main@${first}/history/commit`]: { cut: true },
      'GET /trees/main/history': { cut: true },
    })
    await expect(catalog.commit([namespace], { message: 'm' })).rejects.toMatchObject({ code: 'PHLO_COMMIT_UNKNOWN' })
  })
})

describe('A merge', () => {
  it('that is only looked at says so in both of the names that servers read', async () => {
    const catalog = await open({
      'GET /trees/main': main(first),
      [`POST /trees/main@${first}/history/merge`]: {
        status: 200,
        json: { commonAncestor: first, wasApplied: false },
      },
      [`GET /trees/@${first}/diff/@${second}`]: {
        status: 200,
        json: { diffs: [], hasMore: false },
      },
    })
    expect(await catalog.merge(second, 'main', { dryRun: true })).toMatchObject({ base: first, fastForward: true })
    const body = server?.seen.find(({ path }) => path.endsWith('/history/merge'))?.body
    expect(JSON.parse(body ?? '')).toMatchObject({
      dryRun: true,
      isDryRun: true,
      defaultKeyMergeMode: 'DROP',
    })
  })

  it('whose target moved while it was made is made anew, or refused to who looked at another', async () => {
    const target = { 'GET /trees/main': main(second) }
    const catalog = await open(target)
    await expect(catalog.merge(first, 'main', { expectedTarget: first })).rejects.toMatchObject({
      code: 'PHLO_COMMIT_CONFLICT',
    })
  })
})

describe('A server that is not to be trusted', () => {
  it.each<[string, Answers, (catalog: NessieCatalog) => Promise<unknown>]>([
    [
      'pages that do not end',
      {
        'GET /trees': {
          status: 200,
          json: { references: [], hasMore: true, token: 'x' },
        },
      },
      (catalog) => catalog.listRefs(),
    ],
    [
      'refs that are none',
      {
        'GET /trees': {
          status: 200,
          json: { references: [{ type: 'X' }], hasMore: false },
        },
      },
      (catalog) => catalog.listRefs(),
    ],
    [
      'a list that is none',
      { 'GET /trees/main/entries': { status: 200, json: { entries: 7 } } },
      (catalog) => catalog.listTables(),
    ],
    [
      'contents that are none',
      {
        'POST /trees/main/contents': {
          status: 200,
          json: { contents: [{ key: { elements: ['a', 't'] }, content: 7 }] },
        },
      },
      (catalog) => catalog.loadTable({ namespace: ['a'], name: 't' }),
    ],
    [
      'text that is no JSON',
      { 'GET /trees/main': { status: 200, text: '<html>' } },
      (catalog) => catalog.getRef('main'),
    ],
  ])('is refused with its %s', async (_, answers, ask) => {
    const catalog = await open(answers)
    await expect(ask(catalog)).rejects.toMatchObject({
      code: expect.stringMatching(/^PHLO_(CATALOG_FAILED|ICEBERG_INVALID)$/) as unknown,
    })
    expect(server?.seen.length).toBeLessThan(6)
  })

  it('is refused at once when its default branch is another one', async () => {
    await expect(open({}, { noAncestorHash: root, defaultBranch: 'trunk' })).rejects.toMatchObject({
      code: 'PHLO_UNSUPPORTED',
    })
  })
})
