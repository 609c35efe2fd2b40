import { createHmac, createVerify, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { authorizationHeader, encoded, signature, signatureBase } from '../../../src/providers/oauth1/signature.ts'

// RFC 5849 section 1.2: one whole delegation
const clientSecret = 'kd94hf93k423kf44'
const printer = { oauth_consumer_key: 'dpf43f3p2l4k3l03', oauth_signature_method: 'HMAC-SHA1' }

t.test('RFC 5849 section 1.2: the three signatures of its example', async t => {
  t.equal(signature('HMAC-SHA1', {
    method: 'POST',
    url: new URL('https://photos.example.net/initiate'),
    oauth: { ...printer, oauth_timestamp: '137131200', oauth_nonce: 'wIjqoS', oauth_callback: 'http://printer.example.com/ready' }
  }, { clientSecret, tokenSecret: '' }), '74KNZJeDHnMBp0EMJ9ZHt/XKycU=')

  t.equal(signature('HMAC-SHA1', {
    method: 'POST',
    url: new URL('https://photos.example.net/token'),
    oauth: { ...printer, oauth_token: 'hh5s93j4hdidpola', oauth_timestamp: '137131201', oauth_nonce: 'walatlh', oauth_verifier: 'hfdp7dh39dks9884' }
  }, { clientSecret, tokenSecret: 'hdhd0244k9j7ao03' }), 'gKgrFCywp7rO0OXSjdot/IHF7IU=')

  t.equal(signature('HMAC-SHA1', {
    method: 'GET',
    url: new URL('http://photos.example.net/photos?file=vacation.jpg&size=original'),
    oauth: { ...printer, oauth_token: 'nnch734d00sl2jdk', oauth_timestamp: '137131202', oauth_nonce: 'chapoH' }
  }, { clientSecret, tokenSecret: 'pfkkdhi9sl3r4s00' }), 'MdpQcU8iPSUjWoN/UDMsK2sui9I=')
})

// RFC 5849 section 3.4.1.1
const awkward = {
  method: 'post',
  url: new URL('http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b'),
  form: { c2: '', a3: '2 q' },
  oauth: {
    oauth_consumer_key: '9djdj82h48djs9d2',
    oauth_token: 'kkk9d7dh3k39sjv7',
    oauth_signature_method: 'HMAC-SHA1',
    oauth_timestamp: '137131201',
    oauth_nonce: '7d8f3e4a'
  }
}

t.test('RFC 5849 section 3.4.1.1: the base string of its awkward request', async t => {
  t.equal(signatureBase(awkward), 'POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D' +
    '%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201' +
    '%26oauth_token%3Dkkk9d7dh3k39sjv7')
})

t.test('RFC 5849 section 3.4.1.2: the default port is no part of the address, another one is', async t => {
  const base = (url: string) => signatureBase({ method: 'GET', url: new URL(url), oauth: {} }).split('&')[1]
  t.equal(base('HTTPS://www.Example.net:443/?q=1'), encoded('https://www.example.net/'))
  t.equal(base('https://www.example.net:8080/?q=1'), encoded('https://www.example.net:8080/'))
})

t.test('RFC 5849 section 3.6: what is encoded, and how', async t => {
  t.equal(encoded('AZaz09-._~'), 'AZaz09-._~')
  t.equal(encoded('!*\'()+ %&=/☃'), '%21%2A%27%28%29%2B%20%25%26%3D%2F%E2%98%83')
})

t.test('HMAC-SHA256 is the same with the other hash', async t => {
  const made = signature('HMAC-SHA256', awkward, { clientSecret: 'a&b', tokenSecret: 'c d' })
  t.equal(made, createHmac('sha256', 'a%26b&c%20d').update(signatureBase(awkward)).digest('base64'))
})

t.test('RFC 5849 section 3.4.3: RSA-SHA1 is by the client\'s private key alone', async t => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const made = signature('RSA-SHA1', awkward, { clientSecret: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), tokenSecret: 'ignored' })
  t.ok(createVerify('RSA-SHA1').update(signatureBase(awkward)).verify(publicKey, made, 'base64'))
})

t.test('RFC 5849 section 3.4.4: PLAINTEXT is both secrets', async t => {
  t.equal(signature('PLAINTEXT', awkward, { clientSecret: 'kd94hf93k423kf44', tokenSecret: '' }), 'kd94hf93k423kf44&')
  t.equal(signature('PLAINTEXT', awkward, { clientSecret: 'a&b', tokenSecret: 'ü' }), 'a%26b&%C3%BC')
})

t.test('RFC 5849 section 3.5.1: the Authorization header, with a realm where there is one', async t => {
  t.equal(authorizationHeader({ oauth_token: 'a b', oauth_signature: 'x+/=' }), 'OAuth oauth_token="a%20b", oauth_signature="x%2B%2F%3D"')
  t.equal(authorizationHeader({ oauth_token: 't' }, 'http://photos.example.net/'), 'OAuth realm="http://photos.example.net/", oauth_token="t"')
})
