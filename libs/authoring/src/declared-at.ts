import { fileURLToPath } from 'node:url'
import type { SourceLocation } from '@phlo/ports'
import { stackFrames } from './stack-frames.js'

/** The folder of this package, whose frames are passed over: those of its build and, by source maps, of its sources. */
const ownFolder = fileURLToPath(new URL('..', import.meta.url))

/** Where the user's code called into this package, by the stack; source maps turn it into lines of the TypeScript file. */
export function declaredAt(): SourceLocation | undefined {
  return stackFrames(new Error()).find(({ file }) => !file.startsWith(ownFolder))
}
