// Loaded into every contestant by --import: says over IPC what the process and its workers have used.
// It does nothing while nobody asks, and lets the process end.
import cluster from 'node:cluster'
import { microsOf } from './threads.ts'

if (!cluster.isWorker) {
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    const workers = Object.values({ ...cluster.workers }).map(worker => microsOf(worker?.process.pid))
    process.send?.({ cpuMicros: workers.reduce((sum, micros) => sum + micros, user + system), workers, rss: process.memoryUsage.rss() })
  })
  process.channel?.unref()
}
