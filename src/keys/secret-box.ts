import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import { randomBytesFromPool } from './randomness.ts'

/** Seals text so that only holders of the secret can read or make it. AES-256-GCM, one key per purpose (HKDF, RFC 5869). */
export interface SecretBox {
  /** `context` is bound to the seal: the same text does not open under another one. */
  seal (text: string, context: string): string
  /** undefined for anything this secret did not seal for this context */
  open (sealed: string, context: string): string | undefined
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
      const bytes = Buffer.from(sealed, 'base64url')
      if (bytes.length < ivLength + tagLength) return undefined
      for (const key of keys) {
        const opening = createDecipheriv(cipher, key, bytes.subarray(0, ivLength), { authTagLength: tagLength })
          .setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-tagLength))
        try {
          return opening.update(bytes.subarray(ivLength, -tagLength), undefined, 'utf8') + opening.final('utf8')
        } catch {
          // sealed with another secret, or not by us
        }
      }
      return undefined
    },

    digest: text => createHmac('sha256', newest).update(text).digest('base64url').slice(0, 22)
  }
}
