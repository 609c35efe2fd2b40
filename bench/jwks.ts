import { handstamp, rawTwin, warmDataDir } from './handstamp.ts'
import { compareCpu, type Effort } from './harness/compare.ts'
import { get } from './harness/load.ts'
import { capacity, type Finding } from './harness/table.ts'

/** `GET /.well-known/jwks.json`, whole: what a herd of cold verifiers asks. */
export async function jwks (effort: Effort): Promise<Finding[]> {
  const ours = handstamp(await warmDataDir())
  const path = '/.well-known/jwks.json'
  const requests = [get(path)]
  const measured = await compareCpu([
    { script: ours, requests },
    { script: { ...ours, name: 'Handstamp without log', env: { ...ours.env, LOG_LEVEL: 'warn' } }, requests },
    { script: await rawTwin(ours, path), requests }
  ], effort)
  return [
    capacity(measured, 'Handstamp', 'raw node:http', 0.6),
    capacity(measured, 'Handstamp without log', 'raw node:http', 0.6)
  ]
}
