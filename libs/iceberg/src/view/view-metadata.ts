import type { ViewMetadata, ViewRepresentation, ViewVersion } from '@phlo/ports'
import { invalid, unsupported } from '../invalid.js'
import { validateSchema } from '../schema/schema-checks.js'
import { parseJson, serializeJson } from '../metadata/json.js'

/**
 * Reads a view's metadata file. Throws PHLO_ICEBERG_INVALID with the offending field, PHLO_ICEBERG_UNSUPPORTED for
 * versions above 1. Spec: Iceberg View Spec, "View Metadata".
 */
export function parseViewMetadata(bytes: Uint8Array, what: string): ViewMetadata {
  return viewMetadataOf(
    parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'), what),
    what,
  )
}

/** A view's metadata that is already parsed as JSON; otherwise like {@link parseViewMetadata}. */
export function viewMetadataOf(raw: unknown, what: string): ViewMetadata {
  const fail = (problem: string): never => {
    throw invalid(what, problem)
  }
  if (!isObject(raw)) return fail('is no JSON object')
  if (raw['format-version'] !== 1)
    throw unsupported(`${what}: Iceberg view format version ${JSON.stringify(raw['format-version'])}`)
  const metadata = raw as unknown as ViewMetadata
  validateView(metadata, fail)
  return metadata
}

export function serializeViewMetadata(metadata: ViewMetadata): Buffer {
  return Buffer.from(serializeJson(metadata), 'utf8')
}

/** The version that readers see. */
export function currentViewVersion(metadata: ViewMetadata): ViewVersion {
  const version = metadata.versions.find((candidate) => candidate['version-id'] === metadata['current-version-id'])
  if (!version) throw invalid('view metadata', `has no version ${metadata['current-version-id']}`)
  return version
}

/** The view's query in that dialect, whatever the case of its name; `undefined` when no engine has written it so. */
export function viewSql(metadata: ViewMetadata, dialect: string): string | undefined {
  return sqlRepresentations(currentViewVersion(metadata)).find(
    (candidate) => candidate.dialect.toLowerCase() === dialect.toLowerCase(),
  )?.sql
}

/** The specification leaves room for representations of other types, which readers pass over. */
export function sqlRepresentations(version: ViewVersion): readonly ViewRepresentation[] {
  return version.representations.filter(({ type }: { readonly type: string }) => type === 'sql')
}

type Fail = (problem: string) => never

function validateView(metadata: ViewMetadata, fail: Fail): void {
  for (const key of ['view-uuid', 'location'] as const) if (typeof metadata[key] !== 'string') fail(`${key} is no text`)
  if (!isInteger(metadata['current-version-id'])) fail('current-version-id is no integer')
  for (const key of ['schemas', 'versions', 'version-log'] as const)
    if (!Array.isArray(metadata[key])) fail(`${key} is no list`)
  if (!isTexts(metadata.properties ?? {})) fail('properties hold something other than text')
  for (const schema of metadata.schemas) validateSchema(schema, fail)
  const schemas = new Set(metadata.schemas.map((schema) => schema['schema-id']))
  const versions = new Set<number>()
  for (const version of metadata.versions) {
    validateVersion(version, fail)
    if (!schemas.has(version['schema-id'])) fail(`version ${version['version-id']} is of a schema that is not there`)
    if (versions.has(version['version-id'])) fail(`two versions have the id ${version['version-id']}`)
    versions.add(version['version-id'])
  }
  if (!versions.has(metadata['current-version-id'])) fail('current-version-id names no version')
  for (const entry of metadata['version-log'])
    if (!isObject(entry) || !isInteger(entry['timestamp-ms']) || !isInteger(entry['version-id']))
      fail('an entry of version-log has no time or version')
}

/** Calls `fail` for what is no version of a view. */
export function validateVersion(version: ViewVersion, fail: Fail): void {
  if (!isObject(version) || !isInteger(version['version-id'])) return fail('a version has no id')
  const is = `version ${version['version-id']}`
  for (const key of ['schema-id', 'timestamp-ms'] as const)
    if (!isInteger(version[key])) fail(`${key} of ${is} is no integer`)
  if (!isTexts(version.summary)) fail(`summary of ${is} holds something other than text`)
  if (typeof (version['default-catalog'] ?? '') !== 'string') fail(`default-catalog of ${is} is no text`)
  const namespace: unknown = version['default-namespace']
  if (!Array.isArray(namespace) || namespace.some((part) => typeof part !== 'string'))
    fail(`default-namespace of ${is} is no list of texts`)
  if (!Array.isArray(version.representations)) return fail(`representations of ${is} are no list`)
  const dialects = new Set<string>()
  for (const representation of version.representations as readonly unknown[]) {
    if (!isObject(representation) || typeof representation['type'] !== 'string')
      return fail(`a representation of ${is} has no type`)
    if (representation['type'] !== 'sql') continue
    const { sql, dialect } = representation
    if (typeof sql !== 'string' || typeof dialect !== 'string')
      return fail(`a representation of ${is} has no sql or dialect`)
    if (dialects.has(dialect.toLowerCase())) fail(`${is} has two queries in the dialect ${dialect}`)
    dialects.add(dialect.toLowerCase())
  }
}

const isInteger = Number.isSafeInteger as (value: unknown) => value is number

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((item) => typeof item === 'string')
}
