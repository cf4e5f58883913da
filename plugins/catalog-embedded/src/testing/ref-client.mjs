/**
 * One of many clients of a catalog: `ref-client.mjs <options as JSON>`. Starts when its input ends, does random operations
 * on branches, and prints a line of JSON when it calls and one when it is answered. Times are microseconds of the machine's own clock.
 */
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { isPhloError } from '@phlo/ports'

const { name, operations, seed, store } = JSON.parse(process.argv[2])
const catalog = await EmbeddedCatalog.open(await openStore(store))
const tables = ['a', 'b', 'c'].map((table) => ({ namespace: ['shop'], name: table }))
let state = seed

process.stdout.write('ready\n')
for await (const _ of process.stdin);
for (let number = 0; number < operations; number++) await operate(`${name}-${number}`)
await catalog.close()

async function openStore({ folder, bucket, cache }) {
  if (folder !== undefined) return (await import('@phlo/storage-local')).LocalObjectStore.open(folder)
  const { MinioObjectStore, MinioStorageOptions } = await import('@phlo/storage-minio')
  return new MinioObjectStore(MinioStorageOptions.parse(bucket), cache)
}

async function operate(id) {
  const words = { message: id, author: name }
  const trunk = pick(['main', 'dev'])
  const side = pick(['x0', 'x1', 'x2'])
  const kind = pick([
    'write',
    'write',
    'write',
    'write',
    'merge',
    'merge',
    'look',
    'look',
    'create',
    'delete',
    'assign',
  ])
  if (kind === 'write')
    return call(id, trunk, async () => moved((await catalog.commit(marks(id), { ref: trunk, ...words })).commit))
  if (kind === 'merge') {
    const from = trunk === 'main' ? 'dev' : 'main'
    return call(id, trunk, async () => ({ kind: 'merged', commit: (await catalog.merge(from, trunk, words)).commit }))
  }
  if (kind === 'look') {
    const ref = pick([trunk, side])
    return call(id, ref, async () => ({ kind: 'saw', commit: (await catalog.getRef(ref))?.commit }))
  }
  if (kind === 'create') return call(id, side, async () => moved((await catalog.createRef(side, words)).commit))
  if (kind === 'assign') return call(id, side, async () => moved((await catalog.assignRef(side, trunk, words)).commit))
  return call(id, side, async () => moved(await catalog.deleteRef(side, words)))
}

/** Leaves a mark of its own on all tables at once. */
function marks(id) {
  return tables.map((identifier) => ({
    kind: 'table',
    identifier,
    requirements: [],
    updates: [{ action: 'set-properties', updates: { [id]: 'x' } }],
  }))
}

async function call(id, ref, work) {
  say({ id, ref, invoked: now() })
  let answer
  try {
    answer = await work()
  } catch (error) {
    if (isPhloError(error, 'PHLO_REF_EXISTS')) answer = { kind: 'refused', because: 'there' }
    else if (isPhloError(error, 'PHLO_REF_NOT_FOUND')) answer = { kind: 'refused', because: 'absent' }
    else if (isPhloError(error, 'PHLO_COMMIT_CONFLICT') || isPhloError(error, 'PHLO_MERGE_CONFLICT'))
      answer = { kind: 'failed' }
    else throw error
  }
  say({ id, answered: now(), answer })
}

function moved(commit) {
  return { kind: 'moved', commit }
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function now() {
  return Number(process.hrtime.bigint() / 1000n)
}

/** A random choice that the seed decides. */
function pick(choices) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return choices[(state >>> 16) % choices.length]
}
