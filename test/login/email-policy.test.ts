import fc from 'fast-check'
import t, { type Test } from 'tap'
import { canonicalEmail } from '../../src/login/email-policy.ts'
import { login, rogueScene, type RogueScene } from '../helpers/rogue-login.ts'
import { rogueProvider, type Json } from '../helpers/rogue-provider.ts'

/** The email of the token that a login with these claims brings, or the refusal's code. */
async function admitted (scene: RogueScene, claims: Json, provider = 'rogue'): Promise<string> {
  const answer = (await login(scene, { claims, path: `/auth/${provider}` })).json()
  return String(answer.user?.email ?? answer.code)
}

/** Asserts what becomes of each email: admitted as it is, or a code. */
async function assertAdmits (t: Test, scene: RogueScene, expected: 'itself' | 'email_not_allowed', emails: string[], claims: Json = {}, provider?: string) {
  for (const email of emails) t.equal(await admitted(scene, { ...claims, email }, provider), expected === 'itself' ? email : expected, email)
}

async function googleScene (t: Test, env: Record<string, string> = {}) {
  const rogue = await rogueProvider(t)
  rogue.env = { GOOGLE_CLIENT_ID: 'rogue-client', GOOGLE_CLIENT_SECRET: 'rogue-secret', GOOGLE_ISSUER: rogue.issuer }
  return rogueScene(t, env, rogue)
}

// Verified (R24, R30)

t.test('R30 only the JSON value true verifies an email', async t => {
  const scene = await rogueScene(t)
  for (const verified of ['true', 'True', 1, '1', 'yes', [true], { true: true }, 0, false, 'false', '', null, undefined]) {
    t.equal(await admitted(scene, { email_verified: verified }), 'email_not_verified', JSON.stringify(verified))
  }
  t.equal(await admitted(scene, { email_verified: true }), 'ada@example.com')
})

t.test('R24 an email that is absent is missing, one of another type cannot be used', async t => {
  const scene = await rogueScene(t)
  for (const email of ['', null, undefined]) t.equal(await admitted(scene, { email }), 'email_missing', String(email))
  for (const email of [7, true, ['ada@example.com'], { email: 'ada@example.com' }]) {
    t.equal(await admitted(scene, { email }), 'email_invalid', JSON.stringify(email))
  }
})

t.test('R24 nothing else stands in for the email', async t => {
  const scene = await rogueScene(t)
  const others = { preferred_username: 'ada@example.com', upn: 'ada@example.com', unique_name: 'ada@example.com', emails: ['ada@example.com'] }
  t.equal(await admitted(scene, { ...others, email: undefined }), 'email_missing')
  t.equal(await admitted(scene, { ...others, email_verified: false }), 'email_not_verified')
})

// Canonical (R27, R28)

const unusable = [
  'ada', '@', 'ada@', '@example.com', 'ada@@example.com', 'ada@example.com@evil.test', 'ada@evil.test@example.com', '@ada@example.com',
  'ada@example.com@', 'ada＠example.com', 'ada﹫example.com', 'ada@evil.test＠example.com', 'ada%40example.com', '"ada"@example.com',
  '"ada@evil.test"@example.com', 'ada lovelace@example.com', ' ada@example.com', 'ada@example.com ', 'ada @example.com', 'ada@ example.com',
  'ada\t@example.com', 'ada\n@example.com', 'ada@example.com\r\nBcc: x@example.com', 'ada\u0000@example.com', 'ada@example.com\u0000',
  'ada@exam\u0000ple.com', 'ada\u007f@example.com', 'ada\u00a0@example.com', 'ada\u200b@example.com', 'ada\u202e@example.com',
  '\ufeffada@example.com', 'ada\ud800@example.com', 'ada,x@example.com', 'ada;x@example.com', 'ada<x@example.com', 'ada>x@example.com',
  '<ada@example.com>', 'Ada <ada@example.com>', 'ada(x)@example.com', 'ada[x]@example.com', 'ada\\x@example.com', 'ada@example.com,eve@evil.test',
  'ada@example.com;eve@evil.test', 'ada@exam"ple.com', 'mailto:ada@example.com', 'аda@example.com', 'adа@example.com', 'ádá@example.com',
  'ıda@example.com', 'İda@example.com', '\u212aim@example.com', 'ﬁ@example.com', '１@example.com', `${'x'.repeat(65)}@example.com`,
  `ada@${'x'.repeat(64)}.com`, `ada@${'x.'.repeat(125)}com`, `${'x'.repeat(60)}@${`${'y'.repeat(48)}.`.repeat(4)}com`, 'ada@example.com.',
  'ada@.example.com', 'ada@example..com', 'ada@-example.com', 'ada@example-.com', 'ada@exam_ple.com', 'ada@example.c-', 'ada@127.0.0.1',
  'ada@[127.0.0.1]', 'ada@[::1]', 'ada@0x7f.1', 'ada@2130706433', 'ada@example.1', 'ada@example.com:25', 'ada@example.com/x', 'ada@example.com?x',
  'ada@example.com#x', 'ada@exa%6dple.com', 'ada@example.com\\x', 'ada@xn--', 'ada@xn--a.com', 'ada@xn--a-ecp.com', 'ada@mail.xn--zz.com'
]

t.test('R27 an email that is not plainly one is refused, not repaired', async t => {
  const scene = await rogueScene(t)
  for (const email of unusable) {
    t.equal(await admitted(scene, { email }), 'email_invalid', JSON.stringify(email))
    t.notOk(scene.browser.cookies.has('handstamp'))
  }
})

t.test('R27 an email that cannot be used is refused before anybody asks whether it is verified or allowed', async t => {
  const scene = await rogueScene(t, { ALLOWED_EMAIL_DOMAINS: 'example.com' })
  t.equal(await admitted(scene, { email: 'a@b@example.com', email_verified: false }), 'email_invalid')
  t.equal(await admitted(scene, { email: 'ada@evil.test', email_verified: false }), 'email_not_verified')
})

t.test('R28 case is folded by ASCII alone, the domain by UTS 46, and nothing else changes', async t => {
  const scene = await rogueScene(t)
  for (const [given, canonical] of [
    ['Ada.Lovelace+Tag@Example.COM', 'ada.lovelace+tag@example.com'],
    ['a.d.a@example.com', 'a.d.a@example.com'],
    ["o'brien!#$%&*/=?^_`{|}~-@example.com", "o'brien!#$%&*/=?^_`{|}~-@example.com"],
    [`${'x'.repeat(64)}@example.com`, `${'x'.repeat(64)}@example.com`],
    ['ada@exämple.com', 'ada@xn--exmple-cua.com'],
    ['ada@EXÄMPLE.com', 'ada@xn--exmple-cua.com'],
    ['ada@xn--exmple-cua.com', 'ada@xn--exmple-cua.com'],
    ['ada@XN--EXMPLE-CUA.COM', 'ada@xn--exmple-cua.com'],
    ['ada@ｅｘａｍｐｌｅ.com', 'ada@example.com'],
    ['ada@예시.한국', 'ada@xn--vv4b11d.xn--3e0b707e'],
    ['ada@faß.de', 'ada@xn--fa-hia.de'],
    ['ada@İstanbul.com', 'ada@xn--istanbul-o0e.com'],
    ['ada@1und1.de', 'ada@1und1.de'],
    ['ada@a-b--c.example', 'ada@a-b--c.example']
  ] as const) t.equal(await admitted(scene, { email: given }), canonical, given)
})

t.test('R27 whatever comes, a canonical email is ASCII, has one @ and is its own canonical form', async t => {
  const odd = fc.constantFrom('.', '@', ' ', '"', '\\', ',', '%', 'é', 'ß', 'İ', '\u212a', 'ı', '。', '＠', '\u00ad', '\u200d', 'xn--', '\u0000')
  const letter = fc.oneof({ weight: 6, arbitrary: fc.constantFrom('a', 'Z', '0', '-', '+', '_') }, { weight: 1, arbitrary: odd })
  const text = fc.oneof(
    { weight: 5, arbitrary: fc.array(letter, { maxLength: 6 }).map(letters => letters.join('')) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) }
  )
  const email = fc.tuple(text, fc.constantFrom('@', '@', '@', '@@', ''), text, fc.constantFrom('', '.com', '.한국')).map(parts => parts.join(''))
  let accepted = 0
  fc.assert(fc.property(email, email => {
    const canonical = canonicalEmail(email)
    if (canonical === undefined) return
    accepted++
    if (!/^[\x21-\x7e]+$/.test(canonical) || canonical.split('@').length !== 2 || /[A-Z",;<>()[\]\\]/.test(canonical)) throw new Error(canonical)
    if (canonicalEmail(canonical) !== canonical) throw new Error(`${canonical} has another form`)
  }), { numRuns: 10_000 })
  t.ok(accepted > 200, `${accepted} were accepted`)
})

// Allowed (R29)

/** This provider speaks for all of them: what counts here is the list. */
const vouched = 'example.com,.example.com,xn--exmple-cua.com,evilexample.com,evil.test'

const lookAlikes = [
  'eve@evil.test', 'eve@evil-example.com', 'eve@example.com.evil.test', 'eve@example.co', 'eve@example.comm', 'eve@xample.com', 'eve@example.org',
  'eve@com', 'example.com@evil.test'
]

t.test('without lists, everyone with a verified email may sign in', async t => {
  await assertAdmits(t, await rogueScene(t), 'itself', ['ada@example.com', 'eve@evil.test'])
})

t.test('R29 ALLOWED_EMAIL_DOMAINS lets in equal domains, and sub-domains for a leading dot alone', async t => {
  const plain = await rogueScene(t, { ALLOWED_EMAIL_DOMAINS: 'Example.com, xn--exmple-cua.com', OIDC_ROGUE_VOUCHES_FOR: vouched })
  await assertAdmits(t, plain, 'itself', ['ada@example.com', 'ada@xn--exmple-cua.com'])
  t.equal(await admitted(plain, { email: 'ada@exämple.com' }), 'ada@xn--exmple-cua.com')
  await assertAdmits(t, plain, 'email_not_allowed', [...lookAlikes, 'ada@mail.example.com'])

  const dotted = await rogueScene(t, { ALLOWED_EMAIL_DOMAINS: '.example.com', OIDC_ROGUE_VOUCHES_FOR: vouched })
  await assertAdmits(t, dotted, 'itself', ['ada@mail.example.com', 'ada@a.b.example.com'])
  await assertAdmits(t, dotted, 'email_not_allowed', [...lookAlikes, 'ada@example.com', 'ada@evilexample.com'])
})

t.test('R29 ALLOWED_EMAILS lets in these and no variations', async t => {
  const scene = await rogueScene(t, { ALLOWED_EMAILS: 'Ada@Example.com,bob+work@example.com' })
  await assertAdmits(t, scene, 'itself', ['ada@example.com', 'bob+work@example.com'])
  t.equal(await admitted(scene, { email: 'ADA@EXAMPLE.COM' }), 'ada@example.com')
  await assertAdmits(t, scene, 'email_not_allowed', [...lookAlikes, 'a.da@example.com', 'ada+x@example.com', 'bob@example.com', 'bob+home@example.com'])
})

t.test('both lists together let in whoever is on one of them', async t => {
  const scene = await rogueScene(t, { ALLOWED_EMAILS: 'guest@evil.test', ALLOWED_EMAIL_DOMAINS: 'example.com', OIDC_ROGUE_VOUCHES_FOR: vouched })
  await assertAdmits(t, scene, 'itself', ['guest@evil.test', 'ada@example.com'])
  await assertAdmits(t, scene, 'email_not_allowed', lookAlikes)
})

t.test('BLOCKED_EMAILS wins over everything', async t => {
  const scene = await rogueScene(t, {
    BLOCKED_EMAILS: 'Mallory@Example.com',
    ALLOWED_EMAILS: 'mallory@example.com',
    ALLOWED_EMAIL_DOMAINS: 'example.com',
    OIDC_ROGUE_VOUCHES_FOR: vouched
  })
  await assertAdmits(t, scene, 'email_not_allowed', ['mallory@example.com', 'MALLORY@EXAMPLE.COM'])
  await assertAdmits(t, scene, 'itself', ['ada@example.com'])
  const open = await rogueScene(t, { BLOCKED_EMAILS: 'mallory@example.com' })
  await assertAdmits(t, open, 'email_not_allowed', ['mallory@example.com'])
  await assertAdmits(t, open, 'itself', ['ada@example.com', 'eve@evil.test'])
})

t.test('R24 OIDC_<ID>_EMAIL_DOMAINS binds that provider, whoever else is allowed', async t => {
  const scene = await rogueScene(t, {
    OIDC_ROGUE_EMAIL_DOMAINS: 'example.com,.partner.test',
    ALLOWED_EMAILS: 'guest@evil.test',
    ALLOWED_EMAIL_DOMAINS: 'example.com,a.partner.test'
  })
  await assertAdmits(t, scene, 'itself', ['ada@example.com', 'ada@a.partner.test'])
  await assertAdmits(t, scene, 'email_not_allowed', ['guest@evil.test', 'ada@b.partner.test', ...lookAlikes])
})

// Google speaks for its own domains only

t.test('R29 Google\'s word for a domain counts where hd says the same, or at Gmail', async t => {
  const scene = await googleScene(t, { ALLOWED_EMAIL_DOMAINS: 'example.com,.example.com,gmail.com,googlemail.com', ALLOWED_EMAILS: 'guest@example.com' })
  await assertAdmits(t, scene, 'itself', ['ada@example.com'], { hd: 'example.com' }, 'google')
  await assertAdmits(t, scene, 'itself', ['ada@gmail.com', 'ada@googlemail.com'], {}, 'google')
  await assertAdmits(t, scene, 'itself', ['guest@example.com'], {}, 'google')
  for (const hd of [undefined, 'evil.test', 'sub.example.com', '', 'example.com ', ['example.com'], true, { 'example.com': 1 }]) {
    await assertAdmits(t, scene, 'email_not_allowed', ['ada@example.com'], { hd }, 'google')
  }
  await assertAdmits(t, scene, 'email_not_allowed', ['ada@sub.example.com'], { hd: 'example.com' }, 'google')
})

t.test('an email of Google\'s that is none cannot be used either', async t => {
  const scene = await googleScene(t)
  for (const [email, code] of [[7, 'email_invalid'], [['ada@gmail.com'], 'email_invalid'], ['', 'email_missing']] as const) {
    t.equal(await admitted(scene, { email }, 'google'), code, JSON.stringify(email))
  }
})

t.test('R29 without a list of domains, Google may vouch for any mailbox it verified', async t => {
  await assertAdmits(t, await googleScene(t), 'itself', ['ada@example.com', 'ada@gmail.com'], {}, 'google')
})

t.test('R29 GOOGLE_HD lets in accounts of these Workspace domains, by the claim and not by the parameter', async t => {
  const scene = await googleScene(t, { GOOGLE_HD: 'example.com,Example.org' })
  for (const hd of ['example.com', 'example.org', 'EXAMPLE.com']) t.equal(await admitted(scene, { hd }, 'google'), 'ada@example.com', hd)
  for (const hd of [undefined, null, '', 'evil.test', 'sub.example.com', 'example.com.evil.test', ['example.com'], 'example.com,evil.test', 7]) {
    t.equal(await admitted(scene, { hd }, 'google'), 'email_not_allowed', JSON.stringify(hd))
  }
  t.equal(await admitted(scene, { hd: undefined }, 'google?hd=example.com'), 'email_not_allowed')
  t.equal(await admitted(scene, { hd: undefined, email: 'ada@gmail.com' }, 'google'), 'email_not_allowed')
})
