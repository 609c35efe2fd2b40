// Loaded into every contestant by --import: says over IPC what the process has used.
// It does nothing while nobody asks, and lets the process end.
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuMicros: user + system, rss: process.memoryUsage.rss() })
})
process.channel?.unref()
