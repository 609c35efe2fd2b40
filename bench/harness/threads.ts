import { readdirSync, readFileSync } from 'node:fs'

/** Microseconds that the threads of another process have run: the system counts them in nanoseconds. */
export const microsOf = (pid: number | undefined): number => readdirSync(`/proc/${pid}/task`)
  .reduce((sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1000, 0)
