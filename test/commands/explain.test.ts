import t from 'tap'
import { explainFailure } from '../../src/commands/explain.ts'

const failed = (message: string, cause?: unknown, code?: string) => Object.assign(new Error(message, { cause }), code === undefined ? {} : { code })

t.test('a failure is told with its causes, each once', async t => {
  t.equal(explainFailure(failed('it cannot be made', failed('ENOSPC: no space left on device, write', undefined, 'ENOSPC'))),
    'it cannot be made: ENOSPC: no space left on device, write')
  t.equal(explainFailure(failed('a', failed('b', failed('c', undefined, 'EIO'), 'EX'))), 'a: b (EX): c (EIO)')
  t.equal(explainFailure(failed('nothing listens there (ECONNREFUSED)', failed('connect ECONNREFUSED ::1:1', undefined, 'ECONNREFUSED'))),
    'nothing listens there (ECONNREFUSED)')
  t.equal(explainFailure(failed('it is full (OOM)', failed('OOM command not allowed'))), 'it is full (OOM)')
  t.equal(explainFailure(failed('odd', failed('', undefined))), 'odd: Error')
  t.equal(explainFailure('odd'), 'string')
})
