/** Who a provider says a person is, in the words of this service. Nothing in it has passed the operator's policy yet. */
export interface Identity {
  provider: string
  /** The provider's own stable id for the person: never an email. */
  subject: string
  email: string | undefined
  emailVerified: boolean
  /** The provider said at this login that it speaks for the email's domain; to verify a mailbox is less. */
  domainVouched: boolean
  name?: string
  picture?: string
  /** The Workspace domain that Google names. */
  hd?: string
}

/** An identity that passed our policy: the email is canonical, verified and allowed. */
export type AdmittedIdentity = Identity & { email: string }

/** `sub` of the tokens. */
export const subjectOf = ({ provider, subject }: Pick<AdmittedIdentity, 'provider' | 'subject'>): string => `${provider}|${subject}`
