import type { RequestSigner, StorageGrant, TableIdentifier } from '@phlo/ports'
import type { RestClient } from '../catalog/rest-client.js'
import type { GrantedTable, StorageCredential } from '../catalog/table-answer.js'
import { trimmed } from '../catalog/routes.js'
import { remoteSigner } from './remote-signer.js'

/** Settings of stores, by how their names begin; others are none of a store's business. */
const storeSettings = /^(?:s3|client|gcs|adls)\./
const endsProperty = 's3.session-token-expires-at-ms'

/**
 * What the catalog grants for the table's files: a grant for each of its credentials, or one for the table's folder
 * where access is in the table's own settings or each request is to be signed. Empty where it grants nothing.
 * Source: REST catalog, `LoadTableResult`.
 */
export function storageGrants(client: RestClient, granted: GrantedTable): readonly StorageGrant[] {
  const { table, config, credentials } = granted
  const settings = storeProperties({ ...client.config.properties, ...config })
  const grants = credentials.map((credential) => credentialGrant(client, table.identifier, settings, credential))
  if (grants.length > 0) return grants
  // The folder, and not those beside it whose names begin as its does.
  const prefix = `${trimmed(table.metadata.location)}/`
  if (config['s3.remote-signing-enabled'] === 'true') {
    const sign: RequestSigner = remoteSigner(client, granted)
    return [{ prefix, properties: settings, sign }]
  }
  // Settings that came with the table hold for it alone; those of the catalog are the profile's affair.
  return config['s3.access-key-id'] === undefined
    ? []
    : [credentialGrant(client, table.identifier, settings, { prefix, config: storeProperties(config) })]
}

function credentialGrant(
  client: RestClient,
  identifier: TableIdentifier,
  settings: Readonly<Record<string, string>>,
  { prefix, config }: StorageCredential,
): StorageGrant {
  const properties = { ...settings, ...config }
  const ends = Number(properties[endsProperty])
  return {
    prefix,
    properties,
    ...(Number.isSafeInteger(ends) && ends > 0 && { ends: new Date(ends) }),
    renew: async () => {
      if (client.has('loadCredentials')) {
        const fresh = (await client.loadCredentials(identifier)).find((candidate) => candidate.prefix === prefix)
        if (fresh) return credentialGrant(client, identifier, settings, fresh)
      }
      const again = await client.loadTable(identifier, { fresh: true })
      const grant = again && storageGrants(client, again).find((candidate) => candidate.prefix === prefix)
      return grant ?? credentialGrant(client, identifier, settings, { prefix, config })
    },
  }
}

function storeProperties(properties: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => storeSettings.test(name)))
}
