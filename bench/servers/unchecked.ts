// The whole service; with UNCHECKED, it does not ask whether a token's session has ended.
import { Revocations } from '../../src/tokens/revocations.ts'
import { serve } from './serve.ts'

const { UNCHECKED: unchecked, ...env } = process.env
if (unchecked !== undefined) Object.defineProperty(Revocations.prototype, 'revision', { value: -1 })
await serve(env)
