import { AuthError } from '../../errors.ts'
import type { Claims, OidcDescriptor } from '../descriptor.ts'

/**
 * The claims with an email and its `email_verified`, both of one document and never mixed: those of the id_token, or
 * those of userinfo where the id_token lacks one of them and userinfo has an email.
 * @param askUserinfo absent where the provider has none
 * @throws AuthError provider_error for userinfo of another subject; as `askUserinfo`
 */
export async function withEmail (
  claims: Claims, { userinfo: asked, trustsEmails }: OidcDescriptor, askUserinfo?: () => Promise<Claims>
): Promise<Claims> {
  const isWhole = claims['email'] !== undefined && claims['email_verified'] !== undefined
  const documents = [claims]
  if (askUserinfo && asked !== false && (!isWhole || asked === 'always')) documents.push(await askUserinfo())
  const [, userinfo] = documents
  // OpenID Connect Core 5.3.2: userinfo of another subject must not be used.
  if (userinfo && userinfo['sub'] !== claims['sub']) {
    throw new AuthError('provider_error', { cause: new Error('userinfo is about another subject') })
  }
  const { email, email_verified: emailVerified } = userinfo?.['email'] === undefined ? claims : userinfo
  const flag = emailVerified ?? (trustsEmails && hasNoDenial(documents))
  return { ...userinfo, ...claims, email, email_verified: flag }
}

/** The operator trusts a provider that says nothing; whatever it says in either document counts. */
const hasNoDenial = (documents: Claims[]): boolean =>
  documents.every(({ email_verified: flag }) => flag === undefined || flag === true)
