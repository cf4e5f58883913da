/**
 * The text of an answer's body. Beyond `most` bytes reading stops, and `tooLarge` throws what is to be said, so that no
 * server can fill the memory.
 */
export async function boundedText(
  response: Response,
  most: number,
  tooLarge: (most: number) => never,
): Promise<string> {
  const declared = Number(response.headers.get('content-length') ?? 0)
  if (declared > most) {
    await response.body?.cancel()
    tooLarge(most)
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
      tooLarge(most)
    }
    chunks.push(value)
  }
  return Buffer.concat(chunks).toString('utf8')
}
