/**
 * One of many processes that append snapshots to the same tables: `racing-committer.mjs <folder> <name> <commits>`.
 * Starts when its input ends, and prints a line of JSON for every commit that was acknowledged.
 */
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { LocalObjectStore } from '@phlo/storage-local'

const [folder, name, commits] = process.argv.slice(2)
const catalog = await EmbeddedCatalog.open(await LocalObjectStore.open(folder))
const tables = await catalog.listTables()
process.stdout.write('ready\n')
for await (const _ of process.stdin);

for (let number = 0; number < Number(commits); number++) {
  // Every third commit changes two tables at once.
  const first = Math.floor(Math.random() * tables.length)
  const chosen = [tables[first], ...(number % 3 === 0 ? [tables[(first + 1) % tables.length]] : [])]
  for (;;) {
    const changes = await Promise.all(chosen.map(append))
    try {
      const { commit } = await catalog.commit(changes, { message: `${name}-${number}` })
      const snapshots = changes.map(({ updates }) => String(updates[0].snapshot['snapshot-id']))
      process.stdout.write(`${JSON.stringify({ commit, message: `${name}-${number}`, snapshots })}\n`)
      break
    } catch (error) {
      if (error.code !== 'PHLO_COMMIT_CONFLICT') throw error
    }
  }
}

/** An append on top of what the table holds now, which fails when another comes first. */
async function append(identifier) {
  const { metadata } = await catalog.loadTable(identifier)
  const parent = metadata['current-snapshot-id']
  const hasParent = parent !== undefined && parent !== null && parent !== -1n
  const id = crypto.getRandomValues(new BigUint64Array(1))[0] >> 1n
  return {
    kind: 'table',
    identifier,
    requirements: [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': hasParent ? parent : null }],
    updates: [
      {
        action: 'add-snapshot',
        snapshot: {
          'snapshot-id': id,
          ...(hasParent && { 'parent-snapshot-id': parent }),
          'sequence-number': metadata['last-sequence-number'] + 1,
          'timestamp-ms': Date.now(),
          'manifest-list': `${metadata.location}/metadata/${id}.avro`,
          summary: { operation: 'append' },
          'schema-id': 0,
        },
      },
      { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id },
    ],
  }
}
