import cluster, { type Worker } from 'node:cluster'
import type { ServiceLog } from '../http/log.ts'
import { requestCounts, type CountRequest, type RateGroup, type RequestCount } from '../http/request-limits.ts'

/** The first process of a service with several workers: it starts them, counts for all of them, and serves nothing itself. */
export interface Supervisor {
  /** Resolves with the exit code of the service once every worker has ended. */
  ended: Promise<number>
  /** Stops every worker: each finishes what it has accepted. The second time it ends them at once. */
  stop (): void
}

type Question = { ask: Array<[group: RateGroup, bucket: string]>, id: number }
type Answer = { id: number, counts: RequestCount[] }

const stopWord = 'stop'
const readyWord = 'ready'
const again = { atMost: 5, withinMs: 60_000 }

export const isWorker = cluster.isWorker
/** One worker says for all of them what is the same for all. */
export const speaksForAll = !cluster.isWorker || cluster.worker?.id === 1

/**
 * Starts `count` workers that share the port. node:cluster hands each connection to the next worker in turn: with
 * `reusePort` the kernel would choose by a hash, which spreads the few connections of a proxy badly, and would reset the
 * connections that wait at a worker which stops.
 */
export function superviseWorkers (count: number, log: ServiceLog): Supervisor {
  cluster.schedulingPolicy = cluster.SCHED_RR
  const countRequest = requestCounts()
  const died: number[] = []
  const ready = new Set<Worker>()
  let [stopping, failed] = [false, false]
  let finish!: (code: number) => void
  const ended = new Promise<number>(resolve => { finish = resolve })

  const stop = (): void => {
    const isSecond = stopping
    stopping = true
    if (!isSecond) log.info('stopping the workers')
    for (const worker of workers()) {
      if (isSecond) worker.process.kill('SIGKILL')
      else worker.send(stopWord, unheard)
    }
  }

  const start = (): void => {
    const worker = cluster.fork()
    worker.on('message', (message: Question | typeof readyWord) => {
      if (message === readyWord) ready.add(worker)
      else worker.send({ id: message.id, counts: message.ask.map(([group, bucket]) => countRequest(group, bucket)) } satisfies Answer, unheard)
    })
    worker.once('exit', (code, signal) => {
      const wasReady = ready.delete(worker)
      if (!stopping) {
        log.error({ pid: worker.process.pid, code, signal }, 'a worker ended')
        died.push(performance.now())
        // A worker that cannot start has said why, and the next one would say the same.
        if (wasReady && died.filter(at => at > performance.now() - again.withinMs).length <= again.atMost) return start()
        failed = true
        stop()
      } else failed ||= code !== 0
      if (workers().every(other => other === worker)) finish(failed ? 1 : 0)
    })
  }

  for (let started = 0; started < count; started++) start()
  return { ended, stop }
}

export const stopSignals = ['SIGTERM', 'SIGINT'] as const

/**
 * Stops a worker at the supervisor's word alone. A terminal and systemd send their signal to the worker as well, which
 * would look like a second one.
 */
export function onStopWord (stop: () => void): void {
  for (const signal of stopSignals) process.on(signal, unheard)
  process.on('message', message => { if (message === stopWord) stop() })
}

/** Tells the supervisor that this worker serves: from now on another one takes its place if it dies. */
export function tellReady (): void {
  process.send?.(readyWord)
}

/**
 * Counts a worker's requests at the supervisor, so that a limit holds for all workers together. What one turn of the
 * event loop asks goes in one message.
 */
export function countAtSupervisor (): CountRequest {
  let asked: Array<{ question: Question['ask'][number], answered: (count: RequestCount) => void }> = []
  const waiting = new Map<number, (counts: RequestCount[]) => void>()
  let nextId = 0
  process.on('message', (message: Answer | typeof stopWord) => {
    if (message === stopWord) return
    waiting.get(message.id)?.(message.counts)
    waiting.delete(message.id)
  })
  const send = (): void => {
    const sent = asked
    asked = []
    waiting.set(++nextId, counts => {
      for (const [index, count] of counts.entries()) sent[index]?.answered(count)
    })
    process.send?.({ id: nextId, ask: sent.map(({ question }) => question) } satisfies Question)
  }
  return (group, bucket) => new Promise(resolve => {
    if (asked.length === 0) setImmediate(send)
    asked.push({ question: [group, bucket], answered: resolve })
  })
}

/** Nothing to do: a message that cannot be sent was for a process that has ended, and its 'exit' says so. */
const unheard = (): void => {}

const workers = (): Worker[] => Object.values({ ...cluster.workers }).filter(worker => worker !== undefined)
