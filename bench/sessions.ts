import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from './handstamp.ts'
import { inTurns, median, numbersOf, ratios, type Effort } from './harness/compare.ts'
import type { Finding } from './harness/table.ts'
import { ada } from './servers/ada.ts'

/** What a refresh costs the embedded store with few and with many live sessions, and what each session takes. */
export async function sessions ({ rounds, manySessions }: Effort): Promise<Finding[]> {
  const folders: string[] = []
  const make = async (count: number) => {
    const DATA_DIR = mkdtempSync(join(tmpdir(), 'handstamp-bench-'))
    folders.push(DATA_DIR)
    const state = await open({ DATA_DIR })
    const size = () => statSync(join(DATA_DIR, 'handstamp.mdb')).size
    const empty = size()
    const tokens: string[] = []
    while (tokens.length < count) {
      tokens.push(...await Promise.all(Array.from({ length: Math.min(1_000, count - tokens.length) }, async (_, person) =>
        (await state.sessions.start({ ...ada, subject: `${tokens.length + person}`.padStart(21, '1') }, 506)).refreshToken)))
    }
    return { state, tokens, bytes: (size() - empty) / count, name: String(count) }
  }
  try {
    const [few, many] = [await make(1_000), await make(manySessions)]
    const measured = await inTurns([few, many], rounds, ({ name }) => name, async ({ state, tokens }) => {
      const chosen = new Set(Array.from({ length: 200 }, () => Math.floor(Math.random() * tokens.length)))
      const before = process.cpuUsage()
      await Promise.all([...chosen].map(async at => { tokens[at] = (await state.sessions.refresh(tokens[at] ?? '')).refreshToken }))
      const { user, system } = process.cpuUsage(before)
      return (user + system) / chosen.size
    })
    await Promise.all([few, many].map(({ state }) => state.close()))
    const micros = [many, few].map(({ name }) => median(numbersOf(measured, name)).toFixed(0))
    return [
      {
        what: `${many.name} sessions : ${few.name}`,
        values: ratios(measured, many.name, few.name),
        atMost: 1.3,
        how: `CPU a refresh in the embedded store: ${micros[0]} against ${micros[1]} us`
      },
      { what: 'store a session', values: [many.bytes], unit: ' bytes', atMost: 300, how: `size of the file with ${many.name} sessions` }
    ]
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  }
}
