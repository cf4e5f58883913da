import { fileURLToPath } from 'node:url'
import type { SourceLocation } from '@phlo/ports'

/** The files of an error's stack, innermost first; source maps have turned them into the user's own, where there are any. */
export function stackFrames(error: unknown): SourceLocation[] {
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? String(error.stack) : ''
  return stack.split('\n').flatMap((line) => {
    const frame = /^\s*at (?:.*\()?(?:async )?((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/]).*?):(\d+):(\d+)\)?$/.exec(line)
    if (!frame) return []
    const file = frame[1] as string
    return [
      {
        file: file.startsWith('file://') ? fileURLToPath(file) : file,
        line: Number(frame[2]),
        column: Number(frame[3]),
      },
    ]
  })
}
