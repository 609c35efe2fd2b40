import type { FastifyInstance } from 'fastify'
import type { Clock } from '../clock.ts'

const lookEveryMs = 10_000
/** Less is what NTP does, and what verifiers allow for. */
const jumpMs = 10_000

/** Tells in the log when the clock was set, or stood still while the machine slept: times in tokens are then not what verifiers expect. */
export function watchClock (app: FastifyInstance, clock: Clock): void {
  const offset = () => clock() - performance.now()
  let known = offset()
  const watching = setInterval(() => {
    const jumped = offset() - known
    known += jumped
    if (Math.abs(jumped) > jumpMs) app.log.error({ seconds: Math.round(jumped / 1000) }, 'the clock jumped')
  }, lookEveryMs).unref()
  app.addHook('onClose', async () => clearInterval(watching))
}
