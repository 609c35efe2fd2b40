import t from 'tap'
import packageJson from '../../package.json' with { type: 'json' }
import { run } from '../helpers/child.ts'

t.jobs = 3

t.test('--version says which one it is', async t => {
  const child = run(t, {}, { args: ['--version'] })
  t.equal(await child.ended, 0)
  t.equal(child.stdout(), `${packageJson.version}\n`)
})

t.test('--help says what there is', async t => {
  const child = run(t, {}, { args: ['--help'] })
  t.equal(await child.ended, 0)
  for (const word of ['check', 'healthcheck', '--help', '--version']) t.match(child.stdout(), word)
})

t.test('what there is not is an error, with exit code 2', async t => {
  for (const args of [['serve', 'more'], ['start'], ['--verbose'], ['toString'], ['__proto__']]) {
    const child = run(t, {}, { args })
    t.equal(await child.ended, 2, args.join(' '))
    t.match(child.stderr(), `no such command: ${args.join(' ')}`)
    t.match(child.stderr(), 'Usage:')
    t.equal(child.stdout(), '')
  }
})
