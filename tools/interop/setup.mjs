import { javaWithIceberg } from './java/environment.mjs'
import { pythonWithReaders } from './python/environment.mjs'

/** Jest's global setup: every spec file finds the interpreter and the classpath in its environment. */
export default async function setup() {
  process.env['PHLO_INTEROP_PYTHON'] = await pythonWithReaders()
  process.env['PHLO_INTEROP_CLASSPATH'] = await javaWithIceberg()
}
