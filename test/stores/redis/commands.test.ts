import t from 'tap'
import { commands, withNames } from '../../../src/stores/redis/commands.ts'
import { StoreError } from '../../../src/stores/store.ts'

t.test('the commands that Redis refuses are named, on a key of ours', async t => {
  const refusal = new StoreError('Redis refused', new Error('why'), true)
  const asked: string[] = []
  const named = await withNames(refusal, async (name, args) => {
    asked.push(name)
    t.ok(args.every(arg => !arg.includes('/') || arg.startsWith('handstamp:trial/')), `${name} ${args.join(' ')}`)
    if (name === 'zadd' || name === 'set') throw new StoreError('unknown', undefined, true)
    if (name === 'evalsha') throw new StoreError('no such script')
  })
  t.same(asked, commands)
  t.match(named, { message: 'Redis refused (refused: SET, ZADD)', cause: refusal.cause, lasting: true })
  t.equal(await withNames(refusal, async () => {}), refusal)
})
