// Builds and serves; `npm run dev` runs it again whenever src changes.
import './build.mjs'
await import('../dist/server.js')
