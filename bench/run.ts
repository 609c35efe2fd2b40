// npm run bench [-- start|login|me|jwks|boot|issue|memory|refresh|rest|providers|sessions|revoked|warm|workers ...] [--quick]
import { boot } from './boot.ts'
import type { Effort } from './harness/compare.ts'
import { shareOneCore } from './harness/one-core.ts'
import { table, type Finding } from './harness/table.ts'
import { issue } from './issue.ts'
import { jwks } from './jwks.ts'
import { login } from './login.ts'
import { me, revoked } from './me.ts'
import { memory } from './memory.ts'
import { providers } from './providers.ts'
import { refresh } from './refresh.ts'
import { rest } from './rest.ts'
import { sessions } from './sessions.ts'
import { start } from './start.ts'
import { warm } from './warm.ts'
import { workers } from './workers.ts'

type Benches = Record<string, (effort: Effort) => Promise<Finding[]>>

const byClock: Benches = { boot, issue, memory, refresh, rest }
const byCpu: Benches = { start, login, providers, me, revoked, jwks, sessions, warm, workers }

const thorough: Effort = {
  rounds: 40,
  requestsPerRound: 2_000,
  warmUpRequests: 20_000,
  seconds: 2,
  starts: 20,
  memoryRequests: 200_000,
  restSeconds: 45,
  manySessions: 1_000_000,
  people: 200
}
const quick: Effort = {
  rounds: 3,
  requestsPerRound: 200,
  warmUpRequests: 500,
  seconds: 0.5,
  starts: 2,
  memoryRequests: 2_000,
  restSeconds: 3,
  manySessions: 5_000,
  people: 10
}

const words = process.argv.slice(2)
const effort = words.includes('--quick') ? quick : thorough
const chosen = words.filter(word => word !== '--quick')
const known = Object.keys({ ...byClock, ...byCpu })
const unknown = chosen.filter(name => !known.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`no such bench: ${unknown.join(', ')}; there are ${known.join(', ')}\n`)
  process.exit(2)
}

if (effort === quick) process.stdout.write('quick: enough to see that every bench runs, too short to judge by\n')
await runAll(byClock)
const shared = shareOneCore()
await runAll(byCpu)
if (!shared) process.stdout.write('\ntaskset and chrt are missing: CPU was not measured on one core, so less steadily\n')

async function runAll (benches: Benches): Promise<void> {
  for (const [name, bench] of Object.entries(benches)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue
    process.stdout.write(`\n${name}\n${table(await bench(effort))}\n`)
  }
}
