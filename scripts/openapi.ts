// Writes openapi.yaml from the routes: npm run openapi
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'handstamp-openapi-'))
const app = await buildApp(loadConfig({ DATA_DIR: folder }))
writeFileSync('openapi.yaml', (await app.inject('/auth/openapi.yaml')).body)
await app.close()
rmSync(folder, { recursive: true })
