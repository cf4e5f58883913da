import { openContainer } from '../avro/container.js'
import { compileDecoder, type Want } from '../avro/decoder.js'
import {
  type DataFile,
  type EntryStatus,
  entryStatus,
  type FileContent,
  fileContent,
  type ManifestEntry,
  type ManifestFile,
} from './data-file.js'
import { EntryGlance } from './entry-glance.js'
import { invalid } from '../invalid.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import { partitionColumn } from './partition-values.js'

/** Which parts of an entry a reader wants; everything else is skipped undecoded. */
export interface ManifestProjection {
  /**
   * `all`: everything a rewrite must carry over. Otherwise what scan planning needs, with counts and bounds of these
   * columns only.
   */
  readonly statistics: 'all' | ReadonlySet<number>
  /** Entries for which it answers false are left out undecoded. It must not keep the glance. */
  readonly keep?: (entry: EntryGlance) => boolean
}

/**
 * The entries of a manifest with their inherited values, one at a time.
 * Throws PHLO_ICEBERG_INVALID for files that are no manifest of the spec.
 */
export function* readManifest(
  bytes: Uint8Array,
  manifest: ManifestFile,
  spec: readonly BoundPartitionField[],
  projection: ManifestProjection = { statistics: 'all' },
): Generator<ManifestEntry> {
  const what = `manifest ${manifest.path}`
  const { header, blocks } = openContainer(bytes, what)
  const { statistics, keep } = projection
  const partition = partitionWant(spec)
  const decode = compileDecoder(header.schema, entryWant(partition, statistics), what)
  const columns = statistics === 'all' ? new Set<number>() : statistics
  const glance = keep && new EntryGlance(header.schema, partition, columns, what)
  const rowIds = { next: manifest.firstRowId }
  for (const { count, reader } of blocks) {
    for (let index = 0; index < count; index++) {
      if (glance && keep) {
        const start = reader.offset
        glance.pass(reader)
        const end = reader.offset
        if (!keep(glance)) {
          const status = checkStatus(glance.status, what)
          const content = checkContent(glance.content, manifest, what)
          nextRowId(rowIds, status, content, glance.firstRowId, glance.recordCount)
          reader.seek(end)
          continue
        }
        reader.seek(start)
      }
      yield inherit(decode(reader) as RawEntry, manifest, rowIds, what)
    }
  }
}

interface RawEntry {
  status: number
  snapshotId: bigint | undefined
  sequenceNumber: number | undefined
  fileSequenceNumber: number | undefined
  file: { -readonly [Key in keyof DataFile]?: DataFile[Key] } | undefined
}

function checkStatus(status: number, what: string): EntryStatus {
  if (status === entryStatus.existing || status === entryStatus.added || status === entryStatus.deleted) return status
  throw invalid(what, `has an entry with status ${status}`)
}

function checkContent(content: number, manifest: ManifestFile, what: string): FileContent {
  if (content !== 0 && content !== 1 && content !== 2) throw invalid(what, `lists a file with content ${content}`)
  if ((content === fileContent.data) !== (manifest.content === 0))
    throw invalid(what, 'lists data files among delete files, or the other way round')
  return content
}

/** Spec: "First Row ID Inheritance". `rowIds` goes on from file to file. */
function nextRowId(
  rowIds: { next: number | undefined },
  status: EntryStatus,
  content: FileContent,
  own: number | undefined,
  recordCount: number,
): number | undefined {
  if (own !== undefined || rowIds.next === undefined) return own
  if (content !== fileContent.data || status === entryStatus.deleted) return undefined
  const first = rowIds.next
  rowIds.next += recordCount
  return first
}

/** Spec: "Sequence Number Inheritance". */
function inherit(
  raw: RawEntry,
  manifest: ManifestFile,
  rowIds: { next: number | undefined },
  what: string,
): ManifestEntry {
  // The entry's own object becomes the file: a copy would cost more than the decoding.
  const { file } = raw
  const status = checkStatus(raw.status, what)
  if (file === undefined) throw invalid(what, 'has an entry without a file')
  const content = checkContent(file.content ?? fileContent.data, manifest, what)
  if (typeof file.path !== 'string' || typeof file.recordCount !== 'number' || file.recordCount < 0)
    throw invalid(what, 'lists a file without path or record count')
  if (typeof file.format !== 'string' || typeof file.fileSize !== 'number' || !Array.isArray(file.partition))
    throw invalid(what, `lists ${file.path} without format, size or partition`)
  file.content = content
  file.specId = manifest.specId
  const firstRowId = nextRowId(rowIds, status, content, file.firstRowId, file.recordCount)
  if (firstRowId !== undefined) file.firstRowId = firstRowId
  return {
    status,
    snapshotId: raw.snapshotId ?? manifest.addedSnapshotId,
    sequenceNumber: raw.sequenceNumber ?? manifest.sequenceNumber,
    fileSequenceNumber: raw.fileSequenceNumber ?? manifest.sequenceNumber,
    file: file as DataFile,
  }
}

function partitionWant(spec: readonly BoundPartitionField[]): Want {
  return { tuple: spec.map((bound) => partitionColumn(bound)) }
}

function entryWant(partition: Want, statistics: ManifestProjection['statistics']): Want {
  const all = statistics === 'all'
  const counts: Want = { idMap: 'value', ...(statistics !== 'all' && { keys: statistics }) }
  const file = new Map<number, { as: string; want: Want }>([
    [134, { as: 'content', want: 'value' }],
    [100, { as: 'path', want: 'value' }],
    [101, { as: 'format', want: 'value' }],
    [102, { as: 'partition', want: partition }],
    [103, { as: 'recordCount', want: 'value' }],
    [104, { as: 'fileSize', want: 'value' }],
    [132, { as: 'splitOffsets', want: { list: 'value' } }],
    [135, { as: 'equalityIds', want: { list: 'value' } }],
    [142, { as: 'firstRowId', want: 'value' }],
    [143, { as: 'referencedDataFile', want: 'value' }],
    [144, { as: 'contentOffset', want: 'value' }],
    [145, { as: 'contentSize', want: 'value' }],
  ])
  if (all) {
    file.set(108, { as: 'columnSizes', want: counts })
    file.set(131, { as: 'keyMetadata', want: 'value' })
    file.set(140, { as: 'sortOrderId', want: 'value' })
  }
  if (all || statistics.size > 0) {
    file.set(109, { as: 'valueCounts', want: counts })
    file.set(110, { as: 'nullCounts', want: counts })
    file.set(137, { as: 'nanCounts', want: counts })
    file.set(125, { as: 'lowerBounds', want: counts })
    file.set(128, { as: 'upperBounds', want: counts })
  }
  return {
    record: new Map<number, { as: string; want: Want }>([
      [0, { as: 'status', want: 'value' }],
      [1, { as: 'snapshotId', want: 'bigint' }],
      [3, { as: 'sequenceNumber', want: 'value' }],
      [4, { as: 'fileSequenceNumber', want: 'value' }],
      [2, { as: 'file', want: { record: file } }],
    ]),
  }
}
