import { runningServer } from '@phlo/stack'
import { authorization, sha256 } from './signature.js'

/**
 * Keys that MinIO's STS gives for the root's: AssumeRole, which there needs no role, in a request signed by hand. With a
 * policy, they may do what it allows and nothing else.
 */
export async function temporaryCredentials(policy?: unknown) {
  const { endpoint, region, accessKeyId, secretAccessKey } = runningServer('minio')
  const body = new URLSearchParams({
    Action: 'AssumeRole',
    Version: '2011-06-15',
    DurationSeconds: '900',
    ...(policy !== undefined && { Policy: JSON.stringify(policy) }),
  }).toString()
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    host: new URL(endpoint).host,
    'x-amz-content-sha256': sha256(body),
    'x-amz-date': new Date().toISOString().replaceAll(/[-:]|\.\d+/g, ''),
  }
  const request = { method: 'POST', uri: `${endpoint}/`, headers, region, service: 'sts' } as const
  const signed = { ...headers, authorization: authorization(request, { accessKeyId, secretAccessKey }) }
  const response = await fetch(endpoint, { method: 'POST', body, headers: signed })
  const text = await response.text()
  const value = (name: string) => {
    const found = new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1]
    if (found === undefined) throw new Error(`STS answered ${response.status}: ${text}`)
    return found
  }
  return {
    accessKeyId: value('AccessKeyId'),
    secretAccessKey: value('SecretAccessKey'),
    sessionToken: value('SessionToken'),
  }
}
