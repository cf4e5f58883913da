import { createHash } from 'node:crypto'
import { formatIdentifier, type TransformModel } from '@phlo/ports'
import { assetKey, type AssetKey, type ModelAsset } from './asset.js'

/**
 * A transform project's models as assets. They are made of the models and of the other assets whose tables they read;
 * tables that are no assets are only inputs.
 */
export function modelAssets(models: readonly TransformModel[], others: readonly AssetKey[]): ModelAsset[] {
  const known = new Set([...others, ...models.map(({ target }) => assetKey(target))])
  return models.map((model) => ({
    kind: 'model',
    key: assetKey(model.target),
    target: model.target,
    ...(model.description !== undefined && { description: model.description }),
    tags: model.tags,
    upstream: model.inputs.map(formatIdentifier).filter((key) => known.has(key)),
    checks: model.tests.map((test) => ({
      kind: test.kind,
      options: test.options,
      name: test.name,
      severity: test.severity,
      blocking: true,
      scope: 'table',
      layer: 'table',
      source: 'dbt',
      location: test.location,
    })),
    codeVersion: createHash('sha256')
      .update(JSON.stringify([model.sql, model.partitionBy]))
      .digest('hex')
      .slice(0, 16),
    location: model.location,
    sql: model.sql,
    ...(model.locate && { locate: model.locate }),
    inputs: model.inputs,
    partitionBy: model.partitionBy,
    columnDocs: model.columnDocs,
  }))
}
