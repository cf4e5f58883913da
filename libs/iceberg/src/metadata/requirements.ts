import { PhloError, type TableMetadata, type TableRequirement } from '@phlo/ports'

/**
 * Throws PHLO_COMMIT_CONFLICT (PHLO_TABLE_EXISTS for `assert-create`) when a requirement does not hold of the table.
 * Source: REST catalog, `TableRequirement`.
 */
export function checkRequirements(
  metadata: TableMetadata | undefined,
  requirements: readonly TableRequirement[],
  table: string,
): void {
  for (const requirement of requirements) {
    if (requirement.type === 'assert-create') {
      if (metadata)
        throw new PhloError('PHLO_TABLE_EXISTS', `The table ${table} exists already`, { context: { table } })
      continue
    }
    if (!metadata) throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${table}`, { context: { table } })
    const broken = brokenRequirement(metadata, requirement)
    if (broken !== undefined) {
      throw new PhloError('PHLO_COMMIT_CONFLICT', `The table ${table} changed meanwhile: ${broken}`, {
        retryable: true,
        context: { table, requirement: requirement.type },
      })
    }
  }
}

function brokenRequirement(
  metadata: TableMetadata,
  requirement: Exclude<TableRequirement, { type: 'assert-create' }>,
): string | undefined {
  const differs = (name: string, actual: unknown, expected: unknown) =>
    actual === expected ? undefined : `${name} is ${String(actual)}, not ${String(expected)}`
  switch (requirement.type) {
    case 'assert-table-uuid':
      return differs('table-uuid', metadata['table-uuid'], requirement.uuid)
    case 'assert-ref-snapshot-id': {
      const actual = metadata.refs?.[requirement.ref]?.['snapshot-id'] ?? null
      return differs(`snapshot of ${requirement.ref}`, actual, requirement['snapshot-id'])
    }
    case 'assert-last-assigned-field-id':
      return differs('last-column-id', metadata['last-column-id'], requirement['last-assigned-field-id'])
    case 'assert-current-schema-id':
      return differs('current-schema-id', metadata['current-schema-id'], requirement['current-schema-id'])
    case 'assert-last-assigned-partition-id':
      return differs('last-partition-id', metadata['last-partition-id'], requirement['last-assigned-partition-id'])
    case 'assert-default-spec-id':
      return differs('default-spec-id', metadata['default-spec-id'], requirement['default-spec-id'])
    case 'assert-default-sort-order-id':
      return differs('default-sort-order-id', metadata['default-sort-order-id'], requirement['default-sort-order-id'])
  }
}
