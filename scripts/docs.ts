// Writes the generated parts of the documents: npm run docs
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { documents } from './documents.ts'

for (const [path, make] of Object.entries(documents)) writeFileSync(path, make(existsSync(path) ? readFileSync(path, 'utf8') : ''))
