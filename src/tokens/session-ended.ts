import { AuthError } from '../errors.ts'
import type { Session } from './sessions.ts'

/** A refresh that was refused and ended the session: its token had been used before, or the person may no longer sign in. */
export class SessionEnded extends AuthError {
  readonly session: Session
  /** Somebody has a copy of the token. */
  readonly reused: boolean

  constructor (session: Session, { code, cause, detail }: AuthError, reused = false) {
    super(code, { cause, detail })
    this.session = session
    this.reused = reused
  }
}
