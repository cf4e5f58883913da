// Plans a filtered scan of a table with Phlo's own planning, several times.
import { parseArgs } from 'node:util'
import type { Expression } from '@phlo/iceberg'

const startedAt = performance.now()
const { parseMetadata, planScan } = await import('@phlo/iceberg')
const { LocalObjectStore } = await import('@phlo/storage-local')
const importedAt = performance.now()
const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    metadata: { type: 'string' },
    filter: { type: 'string' },
    /** Seconds of planning before it counts. */
    'warm-up': { type: 'string' },
    repeats: { type: 'string' },
  },
})
const { root = '', metadata: key = '', filter = '{"op":"true"}', repeats = '1', 'warm-up': warmUp = '0' } = values
const store = await LocalObjectStore.open(root)
const object = await store.get(key)
if (!object) throw new Error(`There is no ${key}`)
const metadata = parseMetadata(object.bytes, key)
const loadedAt = performance.now()

const expression = JSON.parse(filter) as Expression
let files = 0
const plan = async () => {
  const before = performance.now()
  const planned = []
  for await (const task of planScan(store, metadata, { filter: expression })) planned.push(task)
  files = planned.length
  return (performance.now() - before) / 1000
}
const first = await plan()
for (let spent = first; spent < Number(warmUp);) spent += await plan()
const seconds: number[] = []
for (let count = 0; count < Number(repeats); count++) seconds.push(await plan())
process.stdout.write(
  JSON.stringify({
    files,
    first,
    importing: (importedAt - startedAt) / 1000,
    loading: (loadedAt - importedAt) / 1000,
    seconds,
  }),
)
