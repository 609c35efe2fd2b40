import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { randomBytesFromPool } from './randomness.ts'

/** Seals text so that only holders of the secret can read or make it. AES-256-GCM, one key per purpose (HKDF, RFC 5869). */
export interface SecretBox {
  /** `context` is bound to the seal: the same text does not open under another one. */
  seal (text: string, context: string): string
  /** undefined for anything this secret did not seal for this context */
  open (sealed: string, context: string): string | undefined
  /** Whether the newest secret sealed it: otherwise it is time to seal it anew. */
  isNewest (sealed: string, context: string): boolean
  /** A keyed digest for logs: says "the same again" and nothing else. */
  digest (text: string): string
}

const cipher = 'aes-256-gcm'
const ivLength = 12
const tagLength = 16

/** @param secrets newest first: the first one seals, each one opens */
export function secretBox (secrets: string[], purpose: string): SecretBox {
  const keys = secrets.map(secret => createSecretKey(Buffer.from(hkdfSync('sha256', secret, 'handstamp', purpose, 32))))
  const newest = keys[0]
  if (!newest) throw new TypeError('secretBox needs a secret')

  return {
    seal (text, context) {
      const iv = randomBytesFromPool(ivLength)
      const sealing = createCipheriv(cipher, newest, iv).setAAD(Buffer.from(context))
      const body = sealing.update(text, 'utf8')
      sealing.final() // GCM keeps nothing back for the end
      return Buffer.concat([iv, body, sealing.getAuthTag()]).toString('base64url')
    },

    open (sealed, context) {
      for (const key of keys) {
        const text = opened(sealed, context, key)
        if (text !== undefined) return text
      }
      return undefined
    },

    isNewest: (sealed, context) => opened(sealed, context, newest) !== undefined,

    digest: text => createHmac('sha256', newest).update(text).digest('base64url').slice(0, 22)
  }
}

/** undefined for what another secret sealed, or not we */
function opened (sealed: string, context: string, key: KeyObject): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < ivLength + tagLength) return undefined
  const opening = createDecipheriv(cipher, key, bytes.subarray(0, ivLength), { authTagLength: tagLength })
    .setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-tagLength))
  try {
    return opening.update(bytes.subarray(ivLength, -tagLength), undefined, 'utf8') + opening.final('utf8')
  } catch {
    return undefined
  }
}
