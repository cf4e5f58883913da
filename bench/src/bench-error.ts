/** A case that cannot give a figure: something in it failed, or gave the wrong rows. */
export class BenchError extends Error {
  override readonly name = 'BenchError'
}
