import type { IcebergSchema, ScanReport } from '@phlo/ports'
import { type DataFile, fileContent, isDeletionVector, type ManifestFile } from '../manifest/data-file.js'
import type { BoundExpression } from './expression.js'
import { expressionText } from './expression-text.js'

/** Of more different residuals the rest is only counted together. */
const mostResiduals = 20

/** What counts of a scan's task. */
interface PlannedFile {
  readonly file: DataFile
  readonly deletes: readonly { readonly file: DataFile }[]
  readonly residual: BoundExpression
}

/** Counts what the planning of a scan reads and passes over, while its tasks are taken. */
export class ScanMetrics {
  private filter: BoundExpression = { op: 'true' }
  private schema: IcebergSchema = { type: 'struct', 'schema-id': 0, fields: [] }
  private readonly dataManifests = { total: 0, skipped: 0 }
  private readonly deleteManifests = { total: 0, skipped: 0 }
  private readonly files = { skippedByManifest: 0, skippedByPartition: 0, skippedByStatistics: 0, read: 0 }
  private rows = 0
  private bytes = 0
  private rowGroups: number | undefined = 0
  /** Live entries of delete manifests that were read. */
  private deleteFiles = 0
  private readonly applied = { positions: new Set<string>(), vectors: new Set<string>(), equality: new Set<string>() }
  private readonly residuals = new Map<BoundExpression, number>()

  start(filter: BoundExpression, schema: IcebergSchema): void {
    this.filter = filter
    this.schema = schema
  }

  manifest(manifest: ManifestFile, read: boolean): void {
    const kind = manifest.content === 0 ? this.dataManifests : this.deleteManifests
    kind.total++
    if (read) return
    kind.skipped++
    if (manifest.content === 0)
      this.files.skippedByManifest += (manifest.addedFiles ?? 0) + (manifest.existingFiles ?? 0)
  }

  skippedFile(why: 'partition' | 'statistics'): void {
    if (why === 'partition') this.files.skippedByPartition++
    else this.files.skippedByStatistics++
  }

  deleteFile(): void {
    this.deleteFiles++
  }

  task({ file, deletes, residual }: PlannedFile): void {
    this.files.read++
    this.rows += file.recordCount
    this.bytes += file.fileSize
    this.rowGroups =
      this.rowGroups === undefined || !file.splitOffsets ? undefined : this.rowGroups + file.splitOffsets.length
    for (const { file: item } of deletes) {
      const kind =
        item.content === fileContent.equalityDeletes ? 'equality' : isDeletionVector(item) ? 'vectors' : 'positions'
      this.applied[kind].add(`${item.path} ${item.contentOffset ?? ''}`)
    }
    if (residual.op !== 'true') this.residuals.set(residual, (this.residuals.get(residual) ?? 0) + 1)
  }

  report(): ScanReport {
    const { positions, vectors, equality } = this.applied
    const { dataManifests, deleteManifests, files, rows, bytes, rowGroups } = this
    return {
      filter: expressionText(this.filter, this.schema),
      dataManifests: { ...dataManifests },
      deleteManifests: { ...deleteManifests },
      files: { ...files },
      rows,
      bytes,
      ...(rowGroups !== undefined && { rowGroups }),
      deletes: {
        positions: positions.size,
        vectors: vectors.size,
        equality: equality.size,
        skipped: Math.max(0, this.deleteFiles - positions.size - vectors.size - equality.size),
      },
      residuals: this.residualTexts(),
    }
  }

  private residualTexts(): { filter: string; files: number }[] {
    const texts = new Map<string, number>()
    for (const [residual, files] of this.residuals) {
      const text = texts.size < mostResiduals ? expressionText(residual, this.schema) : 'others'
      texts.set(text, (texts.get(text) ?? 0) + files)
    }
    return [...texts].map(([filter, files]) => ({ filter, files })).sort((a, b) => b.files - a.files)
  }
}
