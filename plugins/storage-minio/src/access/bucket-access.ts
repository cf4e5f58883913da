import type { S3Client } from '@aws-sdk/client-s3'
import { PhloError, type StorageGrant } from '@phlo/ports'
import type { MinioStorageOptions } from '../options.js'
import type { Place } from '../storage-error.js'
import { bucketClient, type Endpoint, placeOf, sharingClient } from './bucket-client.js'
import { catalogSigner } from './catalog-signer.js'
import { GrantCredentials } from './grant-credentials.js'

/** Clients of grants that are kept at a time; a lake has more tables than anybody uses at once. */
const mostClients = 100

/** How a key's requests are made. */
export interface Access {
  readonly client: S3Client
  readonly place: Place
}

interface Accepted {
  readonly grant: StorageGrant
  /** Shared by the clients that are made for the grant, one after another. */
  readonly credentials: GrantCredentials
}

/** Who asks for which objects: the store's own credentials, or for the keys below a grant's prefix the grant's. */
export class BucketAccess {
  readonly own: Access
  private readonly options: MinioStorageOptions
  /** By prefix, which begins with `s3:`. */
  private readonly grants = new Map<string, Accepted>()
  /** By prefix too; the one that was used last comes last. */
  private readonly clients = new Map<string, Access>()

  constructor(options: MinioStorageOptions) {
    this.options = options
    this.own = { client: bucketClient(options), place: placeOf(options) }
  }

  /** Access to the object of the bucket, or to all those whose keys begin so. Throws PHLO_STORAGE_FAILED. */
  of(key: string): Access {
    if (this.grants.size === 0) return this.own
    const uri = `s3://${this.options.bucket}/${key}`
    for (let length = uri.length; length > 0; length--) {
      const prefix = uri.slice(0, length)
      const accepted = this.grants.get(prefix)
      if (accepted) return this.granted(prefix, accepted)
    }
    return this.own
  }

  /** The keys by how they are reached. */
  grouped(keys: readonly string[]): ReadonlyMap<Access, string[]> {
    const groups = new Map<Access, string[]>()
    for (const key of keys) {
      const access = this.of(key)
      const group = groups.get(access)
      if (group) group.push(key)
      else groups.set(access, [key])
    }
    return groups
  }

  accept(grants: readonly StorageGrant[]): void {
    for (const grant of grants) {
      const prefix = grant.prefix.replace(/^s3[an]:/, 's3:')
      // Without either it is no access, and an empty prefix would be for every store there is.
      if (prefix === '' || (!grant.sign && !grant.properties['s3.access-key-id'])) continue
      const known = this.grants.get(prefix)
      // A catalog that was asked twice may have answered with what it gave before, which was renewed since.
      if (known && sameCredentials(known.grant, grant)) continue
      this.grants.set(prefix, { grant, credentials: new GrantCredentials(grant) })
      this.clients.delete(prefix)
    }
  }

  close(): void {
    // The connections are those of all clients.
    this.own.client.destroy()
  }

  private granted(prefix: string, { grant, credentials }: Accepted): Access {
    const access = this.clients.get(prefix) ?? this.create(grant, credentials)
    this.clients.delete(prefix)
    this.clients.set(prefix, access)
    if (this.clients.size > mostClients) this.clients.delete(this.clients.keys().next().value as string)
    return access
  }

  private create(grant: StorageGrant, credentials: GrantCredentials): Access {
    const { sign } = grant
    const endpoint = endpointOf(grant, this.options)
    const client = sharingClient(
      this.own.client,
      this.options,
      endpoint,
      sign
        ? // The SDK wants some before it asks any signer.
          {
            credentials: { accessKeyId: 'the catalog', secretAccessKey: 'signs' },
            signer: catalogSigner(sign, endpoint.region),
          }
        : { credentials: () => credentials.current() },
    )
    return { client, place: { ...placeOf({ ...endpoint, bucket: this.options.bucket }), granted: grant.prefix } }
  }
}

/** The grant's own endpoint, or that of the store where it names none. */
function endpointOf({ prefix, properties }: StorageGrant, options: MinioStorageOptions): Endpoint {
  const endpoint = properties['s3.endpoint'] ?? options.endpoint
  const style = properties['s3.path-style-access']
  const pathStyle = style === undefined ? options.pathStyle : style.toLowerCase() === 'true'
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:/.test(endpoint)))
    throw new PhloError('PHLO_STORAGE_FAILED', `The catalog’s endpoint for ${prefix} is no URL of HTTP`)
  return {
    endpoint,
    region: properties['client.region'] ?? properties['s3.region'] ?? options.region,
    pathStyle,
  }
}

/** Signers are never the same: each holds what its table's settings are now. */
function sameCredentials(left: StorageGrant, right: StorageGrant): boolean {
  return !left.sign && !right.sign && text(left) === text(right)
}

function text({ properties, ends }: StorageGrant): string {
  return JSON.stringify([Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1)), ends])
}
