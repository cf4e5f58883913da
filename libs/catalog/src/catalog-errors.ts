import { formatIdentifier, PhloError, type TableIdentifier } from '@phlo/ports'
import type { CatalogValue } from './catalog-state.js'

export function noRef(name: string): PhloError {
  return new PhloError('PHLO_REF_NOT_FOUND', `There is no branch, tag or commit ${name}`, { context: { ref: name } })
}

export function noTable(identifier: TableIdentifier): PhloError {
  return new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${formatIdentifier(identifier)}`)
}

export function noView(identifier: TableIdentifier): PhloError {
  return new PhloError('PHLO_VIEW_NOT_FOUND', `There is no view ${formatIdentifier(identifier)}`)
}

export function noNamespace(namespace: readonly string[]): PhloError {
  return new PhloError('PHLO_NAMESPACE_NOT_FOUND', `There is no namespace ${namespace.join('.')}`)
}

/** The name is taken, by a table or by a view. */
export function nameTaken(identifier: TableIdentifier, by: CatalogValue): PhloError {
  const [code, kind] = by.type === 'view' ? ['PHLO_VIEW_EXISTS', 'view'] : ['PHLO_TABLE_EXISTS', 'table']
  return new PhloError(code, `The ${kind} ${formatIdentifier(identifier)} exists already`)
}

export function refMoved(name: string, expected: string): PhloError {
  return new PhloError('PHLO_COMMIT_CONFLICT', `${name} no longer stands at ${expected.slice(0, 12)}`, {
    retryable: true,
  })
}

export function refProtected(name: string, what: string): PhloError {
  return new PhloError('PHLO_REF_PROTECTED', `${name} is protected: ${what}`, {
    hint: 'Work on a branch of your own and merge it, or take the protection away.',
    context: { ref: name },
  })
}

/** Control characters separate the parts of keys. */
export function checkName(parts: readonly string[]): void {
  if (parts.length > 0 && parts.every((part) => part !== '' && !/[\u0000-\u001f]/.test(part))) return
  throw new PhloError(
    'PHLO_UNSUPPORTED',
    `${JSON.stringify(parts.join('.'))} cannot be a name: parts must not be empty or hold control characters`,
  )
}
