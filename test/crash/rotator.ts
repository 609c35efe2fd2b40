// Refreshes sessions as fast as it can until it is killed, and writes down every token it was given.
import { openSync, readFileSync, writeSync } from 'node:fs'
import { loadConfig } from '../../src/config/config.ts'
import { openState } from '../../src/core.ts'

const [dataDir = '', tokensFile = '', notesFile = '', startMs = '0'] = process.argv.slice(2)
const notes = openSync(notesFile, 'a')
const note = (line: string) => writeSync(notes, `${line}\n`) // the kernel has it before anything else happens, so it outlives us
const { sessions } = await openState(loadConfig({ DATA_DIR: dataDir, SIGNING_ALG: 'ES256' }), {
  clock: () => Number(startMs) + performance.now(), // for the sessions no time passes between two processes
  admits: () => true,
  onStore: () => {},
  onProblem: () => {},
  onEvent: event => { note(`! ${event}`) }
})

async function rotate (family: string, first: string): Promise<never> {
  for (let token = first; ;) {
    token = (await sessions.refresh(token)).refreshToken
    note(`${family} ${token}`)
  }
}

const tokens = JSON.parse(readFileSync(tokensFile, 'utf8')) as Record<string, string>
await Promise.all(Object.entries(tokens).map(([family, token]) => rotate(family, token)))
  .catch((error: Error) => { note(`! ${error.message}: ${String((error.cause as Error | undefined)?.message)}`) })
