import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { hasSystemCode, PhloError } from '@phlo/ports'
import { type Answer, type Request, requestName } from './exchange.js'

/** Headers of an answer that its meaning depends on. */
const keptHeaders = ['link', 'content-type']

/** Answers kept as files, one for each request, to be given again where no server is to be asked. */
export class Recordings {
  private readonly folder: string

  /** Throws PHLO_CONFIG_INVALID for a folder outside the project's. */
  constructor(projectDir: string, folder: string) {
    this.folder = path.resolve(projectDir, folder)
    if (!this.folder.startsWith(projectDir + path.sep))
      throw new PhloError('PHLO_CONFIG_INVALID', `The recordings ${folder} are outside the project’s folder`)
  }

  /** Throws PHLO_SOURCE_NOT_FOUND for a request that was never recorded. */
  async replay(request: Request): Promise<Answer> {
    const file = this.file(request)
    try {
      const { answer } = JSON.parse(await readFile(file, 'utf8')) as { readonly answer: Answer }
      return answer
    } catch (error) {
      if (!hasSystemCode(error, 'ENOENT')) {
        throw new PhloError('PHLO_SOURCE_MALFORMED', `The recording ${file} cannot be read`, { cause: error })
      }
      throw new PhloError(
        'PHLO_SOURCE_NOT_FOUND',
        `There is no recording of ${requestName(request)}${request.url.search}`,
        {
          hint: 'Run it once with mode: record.',
        },
      )
    }
  }

  /** `redacted` takes out of the answer what nobody may see. */
  async record(request: Request, answer: Answer, redacted: (text: string) => string): Promise<void> {
    const file = this.file(request)
    const headers = Object.fromEntries(
      keptHeaders.flatMap((name) =>
        answer.headers[name] === undefined ? [] : [[name, redacted(answer.headers[name])]],
      ),
    )
    const kept = {
      request: {
        method: request.method,
        url: redacted(request.url.href),
        ...(request.body !== undefined && { body: redacted(request.body) }),
      },
      answer: { status: answer.status, headers, text: redacted(answer.text) },
    }
    await mkdir(path.dirname(file), { recursive: true })
    const draft = `${file}.${randomUUID()}`
    await writeFile(draft, `${JSON.stringify(kept, null, 2)}\n`)
    await rename(draft, file)
  }

  private file({ method, url, body = '' }: Request): string {
    const digest = createHash('sha256')
      .update(JSON.stringify([method, url.pathname, url.search, body]))
      .digest('hex')
    const name = url.pathname
      .replace(/[^A-Za-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, 60)
    return path.join(this.folder, url.hostname.replace(/[^A-Za-z0-9.-]/g, '_'), `${name}-${digest.slice(0, 16)}.json`)
  }
}
