/** `npm test` leaves out what only a Redis can reach (package.json); here it has to be reached, all of it. */
export default (): string[] => [
  'index', 'redis', 'redis-compact', 'redis-compact-scripts', 'redis-connection', 'redis-form', 'redis-indexed', 'redis-scripts'
].map(name => `build/src/stores/${name}.js`)
