import { fileURLToPath } from 'node:url'
import type { SourceLocation } from '@phlo/ports'

/** The folder of this package's own code, whose frames are passed over. */
const ownFolder = fileURLToPath(new URL('.', import.meta.url))

/** Where the user's code called into this package, by the stack; source maps turn it into lines of the TypeScript file. */
export function declaredAt(): SourceLocation | undefined {
  for (const line of (new Error().stack ?? '').split('\n').slice(1)) {
    const frame = /(?:\(|at )(?:async )?(file:\/\/[^\s()]+|\/[^()]+?|[A-Za-z]:\\[^()]+?):(\d+):(\d+)\)?$/.exec(line)
    if (!frame) continue
    const file = (frame[1] as string).startsWith('file://') ? fileURLToPath(frame[1] as string) : (frame[1] as string)
    if (!file.startsWith(ownFolder)) return { file, line: Number(frame[2]), column: Number(frame[3]) }
  }
  return undefined
}
