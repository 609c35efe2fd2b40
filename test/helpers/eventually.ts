import assert from 'node:assert/strict'

/** Asks until the answer is yes. */
export async function eventually (what: string, isSo: () => boolean | Promise<boolean>, patienceMs = 60_000): Promise<void> {
  for (const deadline = Date.now() + patienceMs; !await isSo();) {
    assert(Date.now() < deadline, `never happened: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
