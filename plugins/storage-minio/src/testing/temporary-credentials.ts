import { createHash, createHmac } from 'node:crypto'
import { runningServer } from '@phlo/stack'

/** Keys that MinIO's STS gives for the root's: AssumeRole, which there needs no role, in a request signed by hand. */
export async function temporaryCredentials() {
  const { endpoint, region, accessKeyId, secretAccessKey } = runningServer('minio')
  const body = 'Action=AssumeRole&Version=2011-06-15&DurationSeconds=900'
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    host: new URL(endpoint).host,
    'x-amz-content-sha256': sha256(body),
    'x-amz-date': time,
  }
  const names = Object.keys(headers).join(';')
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`)
  const canonical = ['POST', '/', '', lines.join(''), names, sha256(body)].join('\n')
  const scope = [time.slice(0, 8), region, 'sts', 'aws4_request']
  const toSign = ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(canonical)].join('\n')
  const key = scope.reduce<Buffer | string>((secret, part) => hmac(secret, part), `AWS4${secretAccessKey}`)
  const signature = hmac(key, toSign).toString('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope.join('/')}, SignedHeaders=${names}, Signature=${signature}`
  const response = await fetch(endpoint, { method: 'POST', body, headers: { ...headers, authorization } })
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

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
