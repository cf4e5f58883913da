import { PhloError, type StorageGrant } from '@phlo/ports'

/** Milliseconds before credentials end from which on others are asked for: a request may take a while. */
const renewedBefore = 60_000

interface SessionCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  /** From when on the SDK asks for them with every request. */
  readonly expiration?: Date
}

/** The credentials of a grant, which asks for newer ones shortly before they end. */
export class GrantCredentials {
  private grant: StorageGrant
  private renewal: Promise<void> | undefined

  constructor(grant: StorageGrant) {
    this.grant = grant
  }

  /** Throws PHLO_STORAGE_FAILED where the grant has none, or they have ended and the catalog gives no others. */
  async current(): Promise<SessionCredentials> {
    if (this.left() < renewedBefore && this.grant.renew) {
      const { renew } = this.grant
      this.renewal ??= this.renewed(renew).finally(() => {
        this.renewal = undefined
      })
      await this.renewal
    }
    if (this.left() > 0) return sessionCredentials(this.grant)
    throw new PhloError('PHLO_STORAGE_FAILED', `The catalog’s credentials for ${this.grant.prefix} have ended`, {
      hint: 'The catalog gave no newer ones. Load the table again.',
      retryable: true,
    })
  }

  private async renewed(renew: () => Promise<StorageGrant>): Promise<void> {
    try {
      this.grant = await renew()
    } catch (error) {
      // What is still good for a while is used; the next request asks again.
      if (this.left() <= 0) throw error
    }
  }

  /** Milliseconds. */
  private left(): number {
    return this.grant.ends === undefined ? Infinity : this.grant.ends.getTime() - Date.now()
  }
}

function sessionCredentials({ prefix, properties, ends }: StorageGrant): SessionCredentials {
  const accessKeyId = properties['s3.access-key-id']
  const secretAccessKey = properties['s3.secret-access-key']
  const sessionToken = properties['s3.session-token']
  if (!accessKeyId || !secretAccessKey)
    throw new PhloError('PHLO_STORAGE_FAILED', `The catalog’s credentials for ${prefix} are not whole`, {
      hint: 'They need s3.access-key-id and s3.secret-access-key.',
    })
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }), ...(ends && { expiration: ends }) }
}
