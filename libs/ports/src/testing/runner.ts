/** The part of a test runner that the contract suites need; jest, vitest and node:test all have it. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => void
  readonly it: (name: string, body: () => Promise<void>) => void
}
