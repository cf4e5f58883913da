// Commits to tables of its own in an embedded catalog for some seconds, from the end of its input on.
import { parseArgs } from 'node:util'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { LocalObjectStore } from '@phlo/storage-local'
import { writersOf } from '../refs/phlo-refs.js'

const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    /** The first table's number. */
    first: { type: 'string' },
    writers: { type: 'string' },
    seconds: { type: 'string' },
  },
})
const { folder = '', first = '0', writers = '1', seconds = '1' } = values
const catalog = await EmbeddedCatalog.open(await LocalObjectStore.open(folder))
await catalog.loadTable({ namespace: ['bronze'], name: `table_${first}` })
process.stdout.write('ready\n')
for await (const _chunk of process.stdin);
process.stdout.write(`${await writersOf(catalog, Number(first), Number(writers), Number(seconds))}\n`)
