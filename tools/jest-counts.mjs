import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** A jest reporter that leaves what passed and failed in `test-results/`, for `.ci/run` to sum up. */
export default class JestCounts {
  constructor(globalConfig) {
    this.rootDir = globalConfig.rootDir
  }

  onRunComplete(_contexts, { numPassedTests, numFailedTests, numRuntimeErrorTestSuites }) {
    const folder = path.join(this.rootDir, 'test-results')
    mkdirSync(folder, { recursive: true })
    const counts = { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites }
    writeFileSync(path.join(folder, 'jest.json'), `${JSON.stringify(counts)}\n`)
  }
}
