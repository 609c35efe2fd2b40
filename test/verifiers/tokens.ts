import { createHmac, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import type { Test } from 'tap'
import { listeningTestApp, type Teardown } from '../helpers/app.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { eventually } from '../helpers/eventually.ts'
import { openTestState } from '../helpers/state.ts'

type Json = Record<string, unknown>

/** A service whose tokens a verifier checks, and its key in the hands of a test. */
export interface Issuer {
  url: string
  audience: string
  /** Of a login, by the key that signs now. */
  token (): Promise<string>
  /** What our key signs, as the service never does it. */
  signed (claims: Json, header?: Json): Promise<string>
  publicPem (): string
  /** The other kind of token that the same key signs. */
  statusList (): Promise<string>
  rotate (): Promise<void>
}

export const email = 'ada@example.com'

/** A verifier as a page of ours shows it: the email of the person, or undefined where it refuses the token. */
export type Verifier = (token: string) => Promise<string | undefined>

export async function startIssuer (t: Teardown, env: Record<string, string> = {}): Promise<Issuer> {
  const whole = { SIGNING_ALG: 'RS256', TOKEN_STATUS: 'true', ...env }
  const { app, url, dataDir } = await listeningTestApp(t, whole)
  const { keys } = await openTestState(t, { ...whole, DATA_DIR: dataDir, PUBLIC_URL: url })
  const token = async () => {
    const browser = new Browser(app, url)
    await devSignIn(browser, email)
    return String(browser.cookies.get('handstamp'))
  }
  return {
    url,
    audience: whole['TOKEN_AUDIENCE' as keyof typeof whole] ?? url,
    token,
    signed: async (claims, header = {}) => {
      const input = signingInput({ alg: 'RS256', kid: keys.current.kid, typ: 'JWT', ...header }, claims)
      return `${input}.${await keys.current.signature(input)}`
    },
    publicPem: () => keys.current.publicPem,
    async statusList () {
      const { status } = partOf(await token(), 1) as { status: { status_list: { uri: string } } }
      return (await app.inject(new URL(status.status_list.uri).pathname)).body
    },
    async rotate () {
      await keys.rotate(true)
      await eventually('the service signs with the next key', async () => partOf(await token(), 0)['kid'] === keys.current.kid)
    }
  }
}

/** Every way that a token can be bad, by what is wrong with it. */
export async function badTokens (issuer: Issuer): Promise<Record<string, string>> {
  const good = await issuer.token()
  const [header = '', payload = '', signature = ''] = good.split('.')
  const claims = partOf(good, 1)
  const { kid } = partOf(good, 0)
  const now = Math.floor(Date.now() / 1000)
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const without = (name: string): Json => ({ ...claims, [name]: undefined })
  const ofStranger = (differs: Json) => signedBy(stranger.privateKey, { alg: 'RS256', kid, typ: 'JWT', ...differs }, claims)
  const spki = createPublicKey(issuer.publicPem()).export({ type: 'spki', format: 'der' })
  return {
    'a changed payload': `${header}.${encoded({ ...claims, email: 'mallory@example.com' })}.${signature}`,
    'a changed header': `${encoded({ alg: 'RS256', kid, typ: 'JWT', x: 1 })}.${payload}.${signature}`,
    'a changed signature': `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
    'no signature': `${header}.${payload}.`,
    'the algorithm none': `${encoded({ alg: 'none', kid })}.${payload}.`,
    'the algorithm none in other letters': `${encoded({ alg: 'nOnE', kid, typ: 'JWT' })}.${payload}.${signature}`,
    'our public key as an HMAC secret': hmacSigned(issuer.publicPem(), { alg: 'HS256', kid, typ: 'JWT' }, claims),
    'our public key as an HMAC secret, in DER': hmacSigned(spki, { alg: 'HS256', kid, typ: 'JWT' }, claims),
    'somebody else\'s key under our kid': ofStranger({}),
    'an unknown kid': ofStranger({ kid: 'of-somebody-else' }),
    'a kid that is a path': ofStranger({ kid: '../../etc/passwd' }),
    'no kid, and somebody else\'s key': ofStranger({ kid: undefined }),
    'a key that the token brings along': ofStranger({ jwk: stranger.publicKey.export({ format: 'jwk' }) }),
    'an address of keys that the token brings along': ofStranger({ jku: `${issuer.url}/keys` }),
    'an algorithm that is not ours': signedBy(curve.privateKey, { alg: 'ES256', kid, typ: 'JWT' }, claims),
    'an unknown algorithm': ofStranger({ alg: 'XS256' }),
    'a time that is past': await issuer.signed({ ...claims, iat: now - 7200, exp: now - 3600 }),
    'a time that is to come': await issuer.signed({ ...claims, nbf: now + 3600, exp: now + 7200 }),
    'no end': await issuer.signed(without('exp')),
    'another issuer': await issuer.signed({ ...claims, iss: 'https://elsewhere.example' }),
    'an issuer with a slash behind it': await issuer.signed({ ...claims, iss: `${issuer.url}/` }),
    'no issuer': await issuer.signed(without('iss')),
    'another audience': await issuer.signed({ ...claims, aud: 'https://elsewhere.example' }),
    'several other audiences': await issuer.signed({ ...claims, aud: ['https://elsewhere.example', `${issuer.audience}.example`] }),
    'no audience': await issuer.signed(without('aud')),
    'another kind of token: an id_token': await issuer.signed({ ...claims, aud: 'a-client', nonce: 'n' }),
    'another kind of token: a status list': await issuer.statusList(),
    'half a token': good.slice(0, Math.floor(good.length / 2)),
    'a part too many': `${good}.${signature}`,
    'a header alone': header,
    'parts that are nothing': 'e30.e30.e30',
    'parts that are no JSON': 'AAAA.AAAA.AAAA',
    'a word': 'x',
    signs: '%00.%ff.%2e'
  }
}

/** What every verifier of our pages does: before a rotation of the keys, and after it. */
export async function judge (t: Test, issuer: Issuer, verify: Verifier): Promise<void> {
  const first = await issuer.token()
  t.equal(await verify(first), email, 'a token of a login is accepted')
  await refuseAll(t, await badTokens(issuer), verify)
  const several = { ...partOf(first, 1), aud: ['https://elsewhere.example', issuer.audience] }
  t.equal(await verify(await issuer.signed(several)), email, 'a token for several audiences is accepted by each')

  await issuer.rotate()
  t.equal(await verify(await issuer.token()), email, 'the first token after a rotation is accepted')
  t.equal(await verify(first), email, 'one from before it still is')
  await refuseAll(t, await badTokens(issuer), verify)
  t.equal(await verify(first), email, 'and none of these did harm')
}

async function refuseAll (t: Test, tokens: Record<string, string>, verify: Verifier): Promise<void> {
  for (const [why, token] of Object.entries(tokens)) t.equal(await verify(token), undefined, `refused: ${why}`)
}

export function partOf (token: string, part: 0 | 1): Json {
  return JSON.parse(Buffer.from(String(token.split('.')[part]), 'base64url').toString()) as Json
}

const encoded = (json: Json): string => Buffer.from(JSON.stringify(json)).toString('base64url')
const signingInput = (header: Json, claims: Json): string => `${encoded(header)}.${encoded(claims)}`

function signedBy (key: KeyObject, header: Json, claims: Json): string {
  const input = signingInput(header, claims)
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

function hmacSigned (secret: string | Buffer, header: Json, claims: Json): string {
  const input = signingInput(header, claims)
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
