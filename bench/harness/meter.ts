// Loaded into every contestant by --import: says over IPC what the process and its workers have used.
// It does nothing while nobody asks, and lets the process end.
import cluster from 'node:cluster'
import { readdirSync, readFileSync } from 'node:fs'

/** Microseconds that the threads of another process have run: the system counts them in nanoseconds. */
const microsOf = (pid: number | undefined): number => readdirSync(`/proc/${pid}/task`)
  .reduce((sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1000, 0)

if (!cluster.isWorker) {
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    const workers = Object.values({ ...cluster.workers }).map(worker => microsOf(worker?.process.pid))
    process.send?.({ cpuMicros: workers.reduce((sum, micros) => sum + micros, user + system), workers, rss: process.memoryUsage.rss() })
  })
  process.channel?.unref()
}
