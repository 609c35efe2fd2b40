import { hash } from 'node:crypto'

const blockSize = 128
const digestSize = 64

/**
 * HMAC-SHA-512 (RFC 2104, RFC 6234) of messages of one length, as two hashes in one call each. Node's Hmac makes an
 * object of OpenSSL's for every message, and to take those away holds up everybody a little.
 */
export class HmacSha512 {
  readonly #inner: Buffer
  readonly #outer: Buffer

  /** @param key of at most 128 bytes: a longer one would have to be hashed first */
  constructor (key: Uint8Array, messageLength: number) {
    if (key.length > blockSize) throw new RangeError('the key is longer than a block')
    this.#inner = padded(key, 0x36, messageLength)
    this.#outer = padded(key, 0x5c, digestSize)
  }

  /** By way of text: a hash that comes as bytes brings an array buffer of its own along, and these come from Node's pool. */
  digest (message: Uint8Array): Buffer {
    if (message.length !== this.#inner.length - blockSize) throw new RangeError('the message has another length')
    this.#inner.set(message, blockSize)
    this.#outer.write(hash('sha512', this.#inner, 'binary'), blockSize, 'binary')
    return Buffer.from(hash('sha512', this.#outer, 'binary'), 'binary')
  }
}

/** A block of the key, and room for what is hashed behind it. */
function padded (key: Uint8Array, pad: number, room: number): Buffer {
  const bytes = Buffer.alloc(blockSize + room)
  for (let index = 0; index < blockSize; index++) bytes[index] = (key[index] ?? 0) ^ pad
  return bytes
}
