import { PhloError } from '@phlo/ports'

/**
 * The text of an answer's body. Reading stops beyond `most` bytes with PHLO_CATALOG_FAILED, so that no server can fill
 * the memory.
 */
export async function boundedText(response: Response, most: number, what: string): Promise<string> {
  const declared = Number(response.headers.get('content-length') ?? 0)
  if (declared > most) {
    await response.body?.cancel()
    throw tooLarge(what, most)
  }
  if (!response.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  const reader: ReadableStreamDefaultReader<Uint8Array> = (response.body as ReadableStream<Uint8Array>).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.byteLength
    if (size > most) {
      await reader.cancel()
      throw tooLarge(what, most)
    }
    chunks.push(value)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function tooLarge(what: string, most: number): PhloError {
  return new PhloError('PHLO_CATALOG_FAILED', `${what}: the answer is larger than ${most} bytes`)
}
