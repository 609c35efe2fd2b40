import { AuthError } from '../errors.ts'
import type { Session } from './session.ts'

/** A refusal that ended the session: its token had been used before, the person may no longer sign in, or it can have no access token. */
export class SessionEnded extends AuthError {
  readonly session: Session
  /** The token was copied. */
  readonly reused: boolean

  constructor (session: Session, { code, cause, detail }: AuthError, reused = false) {
    super(code, { cause, detail })
    this.session = session
    this.reused = reused
  }
}
