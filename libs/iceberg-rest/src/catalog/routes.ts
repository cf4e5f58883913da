import { PhloError, type TableIdentifier } from '@phlo/ports'

/** Between the levels of a namespace where the server names nothing else; URL-encoded. */
const defaultSeparator = '%1F'

/** The URLs of a catalog's endpoints. Source: REST catalog, `paths`. */
export class Routes {
  private readonly base: string
  private readonly separator: string

  /** `uri` is the catalog's, without `/v1`; the properties are those of its configuration. */
  constructor(uri: string, properties: Readonly<Record<string, string>>) {
    const prefix = properties['prefix']
    this.base = `${trimmed(uri)}/v1${prefix === undefined || prefix === '' ? '' : `/${legalPath(trimmed(prefix))}`}`
    this.separator = properties['namespace-separator'] ?? defaultSeparator
  }

  namespaces(parent?: readonly string[]): string {
    return `${this.base}/namespaces${parent === undefined ? '' : `?parent=${this.levels(parent)}`}`
  }

  namespace(namespace: readonly string[]): string {
    return `${this.base}/namespaces/${this.levels(namespace)}`
  }

  namespaceProperties(namespace: readonly string[]): string {
    return `${this.namespace(namespace)}/properties`
  }

  tables(namespace: readonly string[]): string {
    return `${this.namespace(namespace)}/tables`
  }

  table({ namespace, name }: TableIdentifier): string {
    return `${this.tables(namespace)}/${segment(name)}`
  }

  register(namespace: readonly string[]): string {
    return `${this.namespace(namespace)}/register`
  }

  views(namespace: readonly string[]): string {
    return `${this.namespace(namespace)}/views`
  }

  view({ namespace, name }: TableIdentifier): string {
    return `${this.views(namespace)}/${segment(name)}`
  }

  rename(kind: 'tables' | 'views'): string {
    return `${this.base}/${kind}/rename`
  }

  transaction(): string {
    return `${this.base}/transactions/commit`
  }

  private levels(namespace: readonly string[]): string {
    const plain = decodeURIComponent(this.separator)
    for (const level of namespace) {
      if (level.includes(plain))
        throw new PhloError('PHLO_UNSUPPORTED', `The namespace ${namespace.join('.')} holds what separates its levels`)
    }
    return namespace.map(segment).join(this.separator)
  }
}

/** One segment of a path. A dot or two would be taken for a step up, encoded or not. */
function segment(name: string): string {
  if (name === '' || name === '.' || name === '..')
    throw new PhloError('PHLO_UNSUPPORTED', `${JSON.stringify(name)} cannot be a name in a REST catalog`)
  return encodeURIComponent(name)
}

/** A prefix comes encoded from most servers and plain from others. */
function legalPath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@%/]/gu, encodeURIComponent)
}

export function trimmed(path: string): string {
  return path.replace(/^(?!https?:)\/+|\/+$/g, '')
}
