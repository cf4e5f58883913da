import type { TableMetadata } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { entryStatus, fileContent, isDeletionVector, type ManifestFile } from '../manifest/data-file.js'
import type { NewManifestEntry } from '../manifest/manifest.js'
import { specById } from '../partition/partition-spec.js'
import { type ManifestWriter, writtenVersion } from './manifest-writer.js'
import type { AddedFile, SnapshotChange } from './snapshot-change.js'

/**
 * Refuses files that the table's format version has not, or that contradict each other. Throws PHLO_ICEBERG_INVALID.
 * Spec: Appendix E, and "Deletion Vectors": one for a data file.
 */
export function checkAddedFiles({ add: added, removePaths }: SnapshotChange, metadata: TableMetadata): void {
  const version = writtenVersion(metadata)
  const paths = new Set<string>()
  const covered = new Set<string>()
  for (const file of added) {
    const fail = (problem: string) => invalid(`new file ${file.path}`, problem)
    const { fields } = specById(metadata['partition-specs'], file.specId)
    if (file.partition.length !== fields.length)
      throw fail(`has ${file.partition.length} partition values, its spec has ${fields.length}`)
    const { sequenceNumber } = file
    if (sequenceNumber !== undefined && !(sequenceNumber >= 0 && sequenceNumber <= metadata['last-sequence-number']))
      throw fail(`has the sequence number ${sequenceNumber}, which the table has not given out`)
    if (file.content === fileContent.data) {
      if (paths.has(file.path)) throw fail('is added twice')
      paths.add(file.path)
      continue
    }
    if (version === 1) throw fail('deletes rows, which tables of format version 1 cannot')
    const { referencedDataFile: path } = file
    if (path !== undefined && removePaths?.has(path)) throw fail(`deletes rows of ${path}, which leaves as a whole`)
    if (file.content === fileContent.equalityDeletes) {
      if (!file.equalityIds?.length) throw fail('deletes by equality, but of no column')
      continue
    }
    if (!isDeletionVector(file)) {
      if (version >= 3) throw fail('lists positions, where format version 3 wants deletion vectors')
      continue
    }
    if (version < 3) throw fail('is a deletion vector, which only format version 3 has')
    const { contentOffset, contentSize } = file
    if (path === undefined || contentOffset === undefined || contentSize === undefined)
      throw fail('is a deletion vector without data file, offset or size')
    if (covered.has(path)) throw fail(`is the second deletion vector for ${path}`)
    covered.add(path)
  }
}

/** Writes the manifests that list the added files: one spec each, and either data or delete files. */
export async function writeAddedFiles(
  writer: ManifestWriter,
  metadata: TableMetadata,
  snapshotId: bigint,
  added: readonly AddedFile[],
): Promise<ManifestFile[]> {
  const groups = new Map<string, { specId: number; content: 'data' | 'deletes'; entries: NewManifestEntry[] }>()
  for (const file of added) {
    const content = file.content === fileContent.data ? 'data' : 'deletes'
    const key = `${file.specId} ${content}`
    let group = groups.get(key)
    if (!group) groups.set(key, (group = { specId: file.specId, content, entries: [] }))
    // Rows get their ids when the commit has succeeded. Spec: "First Row ID Inheritance".
    const { sequenceNumber, firstRowId: _, ...described } = file
    group.entries.push({
      status: entryStatus.added,
      snapshotId,
      ...(sequenceNumber !== undefined && { sequenceNumber }),
      file: described,
    })
  }
  const manifests: ManifestFile[] = []
  for (const { specId, content, entries } of groups.values())
    manifests.push(...(await writer.writeSplit(metadata, specId, content, entries)))
  return manifests
}
