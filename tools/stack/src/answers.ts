/** Milliseconds that a look at a server's health may take. */
const patience = 3000

/** Whether an address answers with success, and as `expected` wants where it is given. */
export async function answers(url: string, expected: (body: string) => boolean = () => true): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(patience) })
    const body = await response.text()
    return response.ok && expected(body)
  } catch {
    return false
  }
}
