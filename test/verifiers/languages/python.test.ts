import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../../helpers/app.ts'
import { filledIn, snippetWith } from '../snippets.ts'
import { judge, startIssuer } from '../tokens.ts'
import { startProgram } from './program.ts'

const around = (snippet: string): string => `${snippet}

import sys

for line in sys.stdin:
    try:
        print("+", verify(line.rstrip("\\n"))["email"], flush=True)
    except jwt.PyJWTError as problem:
        print("-", type(problem).__name__, flush=True)
`

t.test('the snippet for Python accepts our tokens, and no bad one of any kind', async t => {
  const issuer = await startIssuer(t)
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'verify.py'), around(filledIn(snippetWith('docs/verify-tokens.md', 'python', 'PyJWKClient'), issuer.url)))
  await judge(t, issuer, startProgram(t, process.env['PYTHON'] ?? 'python3', ['verify.py'], folder))
})
