import { createPublicKey } from 'node:crypto'
import jwt from '@fastify/jwt'
import Fastify from 'fastify'
import type { TokenSettings } from './access-tokens.ts'
import type { SigningKey } from '../keys/signing-key.ts'
import type { SignatureCheck } from './token-verifier.ts'

/**
 * @fastify/jwt, verify-only, for one key. Each key has an instance of its own that never listens: keys come and go
 * while the service runs, and a verifier that is kept costs a tenth of one that is built per call.
 */
export async function signatureCheck (key: SigningKey, { publicUrl, token }: TokenSettings): Promise<SignatureCheck> {
  const host = Fastify()
  await host.register(jwt, {
    secret: { public: pemOf(key) },
    verify: {
      algorithms: [key.alg],
      allowedIss: publicUrl,
      allowedAud: token.audience,
      checkTyp: token.typ,
      requiredClaims: ['iss', 'aud', 'sub', 'exp', 'iat', 'jti', 'sid']
    }
  })
  await host.ready()
  return text => host.jwt.verify(text)
}

/** PKCS #1 can only be RSA: for any other PEM, fast-jwt loads and runs an ASN.1 parser to see what it holds. */
const pemOf = ({ alg, publicPem }: SigningKey): string =>
  alg === 'RS256' ? createPublicKey(publicPem).export({ type: 'pkcs1', format: 'pem' }).toString() : publicPem
