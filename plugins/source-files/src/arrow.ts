import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { errorMessage, isPhloError, PhloError } from '@phlo/ports'
import type { RecordBatch } from 'apache-arrow'

const magic = 'ARROW1'

/** The batches of an Arrow IPC file or stream (Feather version 2). Throws PHLO_SOURCE_MALFORMED. */
export async function* arrowBatches(file: string): AsyncGenerator<RecordBatch> {
  const { RecordBatchReader } = await import('apache-arrow')
  try {
    await checkEnd(file)
    const reader = await RecordBatchReader.from(createReadStream(file))
    await reader.open()
    // Apache Arrow takes what it does not understand for an empty stream.
    if (!(reader.schema as unknown)) throw malformed(file, 'it holds no schema')
    for await (const batch of reader) yield batch
  } catch (error) {
    throw isPhloError(error) ? error : malformed(file, errorMessage(error), error)
  }
}

/** A file, unlike a stream, ends with its first letters, which shows that it is all there. */
async function checkEnd(file: string): Promise<void> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    const read = async (start: number) =>
      (await handle.read(Buffer.alloc(magic.length), 0, magic.length, start)).buffer.toString('latin1')
    if ((await read(0)) === magic && (await read(Math.max(0, size - magic.length))) !== magic)
      throw malformed(file, 'its end is missing')
  } finally {
    await handle.close()
  }
}

function malformed(file: string, problem: string, cause?: unknown): PhloError {
  return new PhloError('PHLO_SOURCE_MALFORMED', `${path.basename(file)} cannot be read as an Arrow file: ${problem}`, {
    hint: 'The file is damaged, of another format, or compressed within (LZ4, ZSTD), which cannot be read.',
    location: { file },
    cause,
  })
}
