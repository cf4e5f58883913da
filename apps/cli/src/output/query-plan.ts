import { formatIdentifier, type QueryPlan, type TableReadPlan } from '@phlo/ports'
import { formatBytes, formatCount, plural } from './numbers.js'

/** What a statement reads of each table and what it passes over, and the engine's own plan. */
export function queryPlanText({ tables, engine }: QueryPlan): string {
  return [...tables.map(tableText), engine.trimEnd()].join('\n\n')
}

function tableText(plan: TableReadPlan): string {
  const { table, snapshotId, filter, dataManifests, deleteManifests, files, deletes, residuals } = plan
  const manifests = ({ total, skipped }: TableReadPlan['dataManifests'], of: string) =>
    `${formatCount(total - skipped)} of ${plural(total, 'manifest')} of ${of}`
  const skipped = [
    [files.skippedByManifest, 'by manifest'],
    [files.skippedByPartition, 'by partition'],
    [files.skippedByStatistics, 'by statistics'],
  ] as const
  const known = skipped.reduce((sum, [count]) => sum + count, files.read)
  const applied = [
    [deletes.positions, 'file of positions', 'files of positions'],
    [deletes.vectors, 'deletion vector', 'deletion vectors'],
    [deletes.equality, 'file of equal keys', 'files of equal keys'],
  ] as const
  const lines: (readonly [string, string])[] = [
    ['wanted', filter === 'true' ? 'all rows' : filter],
    [
      'manifests',
      manifests(dataManifests, 'data') +
        (deleteManifests.total > 0 ? `, ${manifests(deleteManifests, 'deletes')}` : ''),
    ],
    [
      'files',
      [
        `${formatCount(files.read)} of ${plural(known, 'file')}`,
        ...skipped.flatMap(([count, why]) => (count > 0 ? [`${formatCount(count)} passed over ${why}`] : [])),
      ].join(', '),
    ],
    [
      'holding',
      [
        plural(plan.rows, 'row'),
        formatBytes(plan.bytes),
        ...(plan.rowGroups === undefined ? [] : [plural(plan.rowGroups, 'row group')]),
      ].join(', '),
    ],
  ]
  if (deletes.positions + deletes.vectors + deletes.equality + deletes.skipped > 0) {
    const texts = applied.flatMap(([count, one, many]) => (count > 0 ? [plural(count, one, many)] : []))
    if (deletes.skipped > 0) texts.push(`${formatCount(deletes.skipped)} passed over`)
    lines.push(['deletes', texts.join(', ')])
  }
  for (const { filter: left, files: of } of residuals) lines.push(['to check', `${left} (${plural(of, 'file')})`])
  const title = `${formatIdentifier(table)} ${snapshotId === undefined ? 'without data' : `at snapshot ${snapshotId}`}`
  return [title, ...lines.map(([name, text]) => `  ${name.padEnd(10)} ${text}`)].join('\n')
}
