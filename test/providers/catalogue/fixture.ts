import type { Answer } from '../../helpers/fake-provider.ts'
import type { Json } from '../../helpers/rogue-provider.ts'

/** What a provider answers in one login, and what must come of it. */
export interface Played {
  /** Variables besides CLIENT_ID, CLIENT_SECRET and the addresses, which lead to the fake. */
  env?: Record<string, string>
  /** What the browser brings back; a code if not given. `state` is added. */
  callback?: Record<string, string>
  /** The token endpoint's answer: JSON, `form('…')`, `reply(status, …)` or a function. OpenID adds the id_token. */
  token?: Answer
  /** API path below the base address -> answer. `POST /path` and `/path?query` are possible keys. OpenID: below the issuer. */
  api?: Record<string, Answer>
  /** OpenID: claims of the id_token besides iss, aud, iat, exp and nonce. undefined takes one away. */
  claims?: Json
  /** The user of the token response: `sub`, `email` and what else there is. */
  identity?: { sub: string, email: string, name?: string | null, picture?: string | null }
  /** Or the code of the refusal. */
  refused?: string
}

export interface Case extends Played {
  /** Ends the sentence "<Provider>: …". */
  title: string
}

export interface Fixture extends Played {
  id: string
  /** Where the browser goes when no address is replaced: leave out where that takes a discovery. */
  authorizeAt?: string
  /** Parameters the authorization URL must have, besides those of every login. */
  authorization?: Record<string, string>
  /** Parameters the token call must have, in its body or its query. */
  tokenCall?: Record<string, string | RegExp>
  /** How API calls prove who asks, if not by `Authorization: Bearer <access_token>`: a header or a query parameter. */
  proof?: { header?: Record<string, string | RegExp>, query?: Record<string, string | RegExp> }
  /** OpenID: path of the issuer, and what its discovery document says differently. */
  issuerPath?: string
  discovery?: Json
  identity: NonNullable<Played['identity']>
  /** Other logins: only what differs from the one above. Every way the email can lie belongs here. */
  cases: Case[]
}

/** A provider's documented answers, as data. */
export const fixture = (facts: Fixture): Fixture => facts
