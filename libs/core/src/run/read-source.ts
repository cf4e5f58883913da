import {
  errorMessage,
  isPhloError,
  nearest,
  PhloError,
  type RowsInput,
  type Source,
  type SourceInput,
  type SourceRead,
  type SourceReadContext,
  type SourceSpec,
} from '@phlo/ports'
import type { IngestionAsset, LoadContext, LoadResult } from '../assets/asset.js'

/** What an ingestion asset has to read, from a source plugin or from its own function. */
export async function readSource(
  asset: IngestionAsset,
  sources: readonly Source[],
  load: LoadContext,
  read: SourceReadContext,
): Promise<SourceRead> {
  const given = asset.source.kind === 'static' ? asset.source.spec : await loaded(asset, load)
  if (isSpec(given)) return findSource(sources, given, asset).read(given.options, read)
  if (isInput(given)) return { inputs: [given] }
  // Arrow's table gives its rows one by one, its batches many at once.
  const rows = 'batches' in given && Array.isArray(given.batches) ? (given.batches as RowsInput['rows']) : given
  return { inputs: [{ type: 'rows', rows, name: asset.key }] }
}

async function loaded(asset: IngestionAsset, context: LoadContext): Promise<LoadResult> {
  if (asset.source.kind !== 'function') throw new PhloError('PHLO_INTERNAL', `${asset.key} has no function`)
  let result: LoadResult | undefined
  try {
    result = await asset.source.load(context)
  } catch (error) {
    throw new PhloError('PHLO_SOURCE_FAILED', `The function of ${asset.key} failed: ${errorMessage(error)}`, {
      ...(asset.location && { location: asset.location }),
      ...(isPhloError(error) && error.hint !== undefined && { hint: error.hint }),
      cause: error,
    })
  }
  if (isReadable(result)) return result
  throw new PhloError(
    'PHLO_WORKFLOW_INVALID',
    `The function of ${asset.key} gave ${describe(result)} instead of a source or rows`,
    {
      hint: 'Return files({ … }), an array of rows or an Arrow table, or make it an async generator that yields rows or record batches.',
      ...(asset.location && { location: asset.location }),
    },
  )
}

/** Users' functions may give anything, whatever their types say. */
function isReadable(value: unknown): value is LoadResult {
  if (typeof value !== 'object' || value === null) return false
  return isSpec(value) || isInput(value) || Symbol.iterator in value || Symbol.asyncIterator in value
}

function describe(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

function isSpec(value: object): value is SourceSpec {
  return 'kind' in value && typeof value.kind === 'string' && 'options' in value
}

function isInput(value: object): value is SourceInput {
  return 'type' in value && (value.type === 'files' || value.type === 'rows')
}

function findSource(sources: readonly Source[], spec: SourceSpec, asset: IngestionAsset): Source {
  const source = sources.find(({ kind }) => kind === spec.kind)
  if (source) return source
  const known = sources.map(({ kind }) => kind)
  const near = nearest(spec.kind, known)
  throw new PhloError(
    'PHLO_PORT_MISSING',
    `${asset.key} reads from a source of kind ${JSON.stringify(spec.kind)}, which no plugin provides`,
    {
      hint: `${near === undefined ? '' : `Did you mean ${near}? `}Known: ${known.join(', ') || 'none'}. Add the plugin under plugins in phlo.yaml.`,
      ...(asset.location && { location: asset.location }),
    },
  )
}
