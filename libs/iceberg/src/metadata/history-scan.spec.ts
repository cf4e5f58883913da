import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { TableMetadata } from '@phlo/ports'
import { sharedBy } from './growing-list.js'
import { parseJson, serializeJson } from './json.js'
import { parseMetadata, serializeMetadata } from './metadata-file.js'
import type { Fail } from './shape.js'
import { findSnapshot, hasChild, hasSnapshot } from './snapshot-index.js'
import { applyUpdates } from './updates.js'
import { validateMetadata } from './validate.js'
import { damaged } from '../testing/arbitraries.js'
import { example } from '../testing/example.js'

/** The metadata without any of its values left for later. */
function readAtOnce(text: Buffer): unknown {
  const fail: Fail = (problem) => {
    throw new Error(problem)
  }
  const metadata = parseJson(text.toString('utf8'), 'table.json') as TableMetadata
  validateMetadata(metadata, fail)
  return metadata
}

/** What comes of the reading; of errors, that there was one. */
function outcome(read: () => unknown): unknown {
  try {
    return { metadata: read() }
  } catch {
    return 'refused'
  }
}

function expectSame(text: Buffer): void {
  expect(outcome(() => parseMetadata(text, 'table.json'))).toEqual(outcome(() => readAtOnce(text)))
}

const id = fc.oneof(
  fc.bigInt({ min: 0n, max: 6n }),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  fc.constantFrom(2n ** 63n - 1n, 2n ** 63n, 999_999_999n, 1_000_000_000n, -1n, 10n ** 24n),
)
const text = fc.string({ unit: 'binary', maxLength: 12 })
const integer = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(-0, 0, 1e15, 1e21, 0.5))
/** As other writers, or attackers, may have them. */
const anyValue = fc.oneof(fc.jsonValue(), fc.constant(null), text, integer, id)
const optional = <T>(value: fc.Arbitrary<T>) => fc.option<unknown, undefined>(value, { nil: undefined, freq: 3 })
const good = fc.record({
  'snapshot-id': id,
  'parent-snapshot-id': fc.option<unknown, undefined>(fc.oneof(id, fc.constant(null)), { nil: undefined }),
  'sequence-number': optional(integer),
  'timestamp-ms': fc.integer(),
  'manifest-list': optional(text),
  summary: optional(fc.dictionary(text, text)),
  'schema-id': optional(fc.oneof(fc.integer(), fc.constant(null))),
  'key-id': optional(text),
})
const odd = fc.tuple(
  good,
  fc.constantFrom('snapshot-id', 'timestamp-ms', 'summary', 'manifest-list', 'manifests', 'added-rows', 'new-field'),
  anyValue,
)
const snapshot = fc.oneof(
  { weight: 9, arbitrary: good },
  { weight: 1, arbitrary: odd.map(([item, key, value]) => ({ ...item, [key]: value })) },
)
const entry = fc.record({ 'timestamp-ms': fc.integer(), 'snapshot-id': id })
const plain = ({ 'current-snapshot-id': _, refs: _refs, ...rest }: TableMetadata) => rest

describe('the lists of a metadata file', () => {
  it('that are read as they are asked for are those that are read at once', () => {
    fc.assert(
      fc.property(
        fc.array(snapshot, { maxLength: 6 }),
        fc.array(fc.oneof({ weight: 9, arbitrary: entry }, { weight: 1, arbitrary: anyValue }), { maxLength: 4 }),
        fc.constantFrom(undefined, 1, '\t', ' \r\n'),
        (snapshots, log, space) => {
          const metadata = { ...plain(example), snapshots, 'snapshot-log': log }
          const dense = serializeJson(metadata)
          // Spaces around each mark that stands outside of texts.
          const loose =
            space === undefined
              ? dense
              : dense.replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]/gs, (token) =>
                  token.length > 1
                    ? token
                    : `${String(space === 1 ? ' ' : space)}${token}${String(space === 1 ? '' : space)}`,
                )
          expectSame(Buffer.from(loose))
        },
      ),
      { numRuns: 400 },
    )
  })

  it('with bytes damaged are refused, or are those that are read at once', () => {
    const file = serializeMetadata({ ...example, refs: example.refs ?? {} })
    fc.assert(
      fc.property(damaged(file), (bytes) => {
        const [found, wanted] = [
          outcome(() => parseMetadata(bytes, 'table.json')),
          outcome(() => readAtOnce(Buffer.from(bytes))),
        ]
        // What else parseMetadata does with a metadata that it takes is not for here.
        if (wanted === 'refused') expect(found).toBe('refused')
        else if (found !== 'refused') {
          const [a, b] = [found, wanted] as [{ metadata: TableMetadata }, { metadata: TableMetadata }]
          expect([a.metadata.snapshots, a.metadata['snapshot-log']]).toEqual([
            b.metadata.snapshots,
            b.metadata['snapshot-log'],
          ])
        }
      }),
      { numRuns: 800 },
    )
  })

  it.each([
    ['a key twice', `{"snapshot-id":1,"timestamp-ms":1,"snapshot-id":2}`],
    ['a key with an escape', `{"snapshot\\u002did":1,"timestamp-ms":1}`],
    ['an escape that is none', `{"snapshot-id":1,"timestamp-ms":1,"key-id":"\\x41"}`],
    ['a code that is none', `{"snapshot-id":1,"timestamp-ms":1,"key-id":"\\u00g1"}`],
    ['a line break in a text', `{"snapshot-id":1,"timestamp-ms":1,"key-id":"a\nb"}`],
    ['a number with a leading zero', `{"snapshot-id":1,"timestamp-ms":01}`],
    ['a number with an exponent', `{"snapshot-id":1,"timestamp-ms":1e3}`],
    ['a fraction that is whole', `{"snapshot-id":1,"timestamp-ms":1.0}`],
    ['an id beyond 63 bits', `{"snapshot-id":9223372036854775808,"timestamp-ms":1}`],
    ['a comma too many', `{"snapshot-id":1,"timestamp-ms":1},`],
    ['no comma', `{"snapshot-id":1,"timestamp-ms":1}{"snapshot-id":2,"timestamp-ms":1}`],
    ['a text that ends the file', `{"snapshot-id":1,"timestamp-ms":1,"key-id":"`],
    ['another nothing', `{"snapshot-id":1,"timestamp-ms":1,"key-id":nul}`],
  ])('with %s are read, or refused, as at once', (_case, items) => {
    const rest = JSON.stringify({ ...plain(example), snapshots: undefined, 'snapshot-log': undefined }).slice(1)
    expectSame(Buffer.from(`{"snapshots":[${items}],${rest}`))
    expectSame(Buffer.from(`{"snapshots":[],"snapshots":[${items}],${rest}`))
    expectSame(Buffer.from(`{"snapshots":[${items}],"snapshot\\u0073":[],${rest}`))
  })

  it('make no values of snapshots that nobody asks for, and write them as they were', () => {
    const history = Array.from({ length: 1000 }, (_, index) => ({
      'snapshot-id': BigInt(index + 1),
      ...(index > 0 && { 'parent-snapshot-id': BigInt(index) }),
      'sequence-number': index + 1,
      'timestamp-ms': 1,
      'manifest-list': `s3://t/${index}`,
      summary: { operation: 'append' as const },
    }))
    const log = history.map((item) => ({ 'timestamp-ms': 1, 'snapshot-id': item['snapshot-id'] }))
    const refs = { main: { 'snapshot-id': 1000n, type: 'branch' as const } }
    const table = { ...example, snapshots: history, 'snapshot-log': log, refs, 'current-snapshot-id': 1000n }
    const base = parseMetadata(serializeMetadata({ ...table, 'last-sequence-number': 1000 }), 'table.json')
    const added = { ...history[0]!, 'snapshot-id': 1001n, 'parent-snapshot-id': 1000n, 'sequence-number': 1001 }
    const next = applyUpdates(
      base,
      [
        { action: 'add-snapshot', snapshot: added },
        { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': 1001n },
      ],
      { now: 5 },
    )
    const written = serializeMetadata(next)
    const made = (list: readonly object[] | undefined) => sharedBy(list ?? [])?.items.filter(Boolean).length
    expect([made(next.snapshots), made(next['snapshot-log'])]).toEqual([1, 1])
    const again = parseMetadata(written, 'table.json')
    expect(again.snapshots).toEqual([...history, added])
    expect(again['snapshot-log']).toHaveLength(1001)
    expect(serializeMetadata(again)).toEqual(written)
  })

  it('know their ids and parents, those that came later too', () => {
    const ids = fc.uniqueArray(fc.bigInt({ min: 1n, max: 12n }), { maxLength: 12 })
    fc.assert(
      fc.property(
        ids,
        fc.array(fc.bigInt({ min: 1n, max: 12n }), { maxLength: 12 }),
        fc.nat(),
        (all, parents, read) => {
          const snapshots = all.map((own, index) => ({
            'snapshot-id': own,
            'sequence-number': index + 1,
            'timestamp-ms': 1,
            ...(parents[index] !== undefined && { 'parent-snapshot-id': parents[index] }),
          }))
          const first = snapshots.slice(0, read % (all.length + 1))
          const empty = {
            ...plain(example),
            snapshots: first,
            'snapshot-log': [],
            'last-sequence-number': first.length,
          }
          let expected: 'refused' | undefined
          const found = outcome(() =>
            applyUpdates(
              parseMetadata(serializeMetadata(empty), 'table.json'),
              snapshots.slice(first.length).map((item) => ({ action: 'add-snapshot' as const, snapshot: item })),
              { now: 1 },
            ),
          )
          for (const own of all) {
            const seen = new Set<bigint>()
            for (let next: bigint | undefined = own; next !== undefined && !expected;) {
              if (seen.has(next)) expected = 'refused'
              seen.add(next)
              next = snapshots.find((item) => item['snapshot-id'] === next)?.['parent-snapshot-id']
            }
          }
          if (expected) return expect(found).toBe(expected)
          const list = (found as { metadata: TableMetadata }).metadata.snapshots ?? []
          expect(list).toEqual(snapshots)
          for (let wanted = 0n; wanted < 14n; wanted++) {
            const own = snapshots.find((item) => item['snapshot-id'] === wanted)
            expect([findSnapshot(list, wanted), hasSnapshot(list, wanted), hasChild(list, wanted)]).toEqual([
              own,
              own !== undefined,
              snapshots.some((item) => item['parent-snapshot-id'] === wanted),
            ])
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('grow by many snapshots, each looked at a few times only', () => {
    const count = 5000
    let looks = 0
    const updates = Array.from({ length: count }, (_, index) => ({
      action: 'add-snapshot' as const,
      snapshot: {
        get 'snapshot-id'() {
          looks += 1
          return BigInt(count - index)
        },
        // The parents come after their children.
        'parent-snapshot-id': BigInt(count - index - 1),
        'sequence-number': index + 10,
        'timestamp-ms': 1,
      },
    }))
    const base = { ...plain(example), snapshots: [] }
    expect(applyUpdates(base, updates, { now: 1 }).snapshots).toHaveLength(count)
    // Comparing each snapshot with all before would look millions of times.
    expect(looks).toBeLessThanOrEqual(10 * count)
  })
})
