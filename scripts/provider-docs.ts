// Writes the table of providers into README.md: npm run docs:providers
import { readFileSync, writeFileSync } from 'node:fs'
import { withProviderTable } from './provider-table.ts'

writeFileSync('README.md', withProviderTable(readFileSync('README.md', 'utf8')))
