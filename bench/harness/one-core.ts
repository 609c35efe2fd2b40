import { execFileSync } from 'node:child_process'

/**
 * Puts this process and all it starts on one core, where they take turns without interrupting each other (SCHED_BATCH):
 * on two, a server pays or not for waking its driver, depending on which of them is the faster one. False where the
 * tools of util-linux are missing.
 */
export function shareOneCore (): boolean {
  const pid = String(process.pid)
  try {
    const [, core = '0'] = /(\d+)\s*$/.exec(execFileSync('taskset', ['-cp', pid], { encoding: 'utf8' })) ?? []
    execFileSync('taskset', ['-acp', core, pid], { stdio: 'ignore' })
    execFileSync('chrt', ['-a', '-b', '-p', '0', pid], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
