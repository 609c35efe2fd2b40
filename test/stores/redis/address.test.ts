import t from 'tap'
import { redisAddress, redisPlace } from '../../../src/stores/redis/address.ts'

const plain = { host: 'localhost', port: 6379, tls: false, db: 0 }

t.test('REDIS_URL says host, port, database, user and password, and TLS by its scheme', async t => {
  const good: Record<string, object> = {
    'redis://localhost': plain,
    'redis://localhost/': plain,
    'REDIS://localhost:6379/0': plain,
    'rediss://redis.example.com:6380/1': { host: 'redis.example.com', port: 6380, tls: true, db: 1 },
    'redis://my_redis-1:7000/15': { ...plain, host: 'my_redis-1', port: 7000, db: 15 },
    'redis://10.0.0.5:1': { ...plain, host: '10.0.0.5', port: 1 },
    'redis://[::1]': { ...plain, host: '::1' },
    'redis://[fe80::1%25eth0]:6380/2': { ...plain, host: 'fe80::1%eth0', port: 6380, db: 2 },
    'redis://:pw@localhost': { ...plain, password: 'pw' },
    'redis://user:pw@[::1]:6380/3': { ...plain, host: '::1', port: 6380, username: 'user', password: 'pw', db: 3 }
  }
  for (const [url, address] of Object.entries(good)) t.same(redisAddress(url), address, url)
  t.equal(redisPlace(redisAddress('rediss://user:pw@[::1]:6380/3')), '[::1]:6380')
  t.equal(redisPlace(redisAddress('redis://user:pw@db.example.com')), 'db.example.com:6379')
})

t.test('a password has any characters', async t => {
  for (const password of ['p@ss', 'a:b', 'a/b#c?d', '100%', '%41', ' x ', 'pä$$wörd', '日本', '+&="\'<>`{}|\\^[]', '%zz', '%']) {
    t.equal(redisAddress(`redis://:${encodeURIComponent(password)}@localhost`).password, password)
    t.equal(redisAddress(`redis://${encodeURIComponent(password)}:pw@localhost`).username, password)
  }
  for (const [written, password] of Object.entries({ 'p@ss': 'p@ss', 'a:b': 'a:b', '100%': '100%', 'a%zzb%4': 'a%zzb%4', 'a+b': 'a+b', 'pä"$': 'pä"$' })) {
    t.equal(redisAddress(`redis://:${written}@localhost`).password, password, written)
  }
})

t.test('what clients would read in different ways, or pass over, is refused, and nothing of it is repeated', async t => {
  const bad: Record<string, RegExp> = {
    'redis://:hunter2@localhost/1x': /path that is no number/,
    'redis://:hunter2@localhost/01': /path that is no number/,
    'redis://:hunter2@localhost/-1': /path that is no number/,
    'redis://:hunter2@localhost/1/': /path that is no number/,
    'redis://:hunter2@localhost/1/2': /path that is no number/,
    'redis://:hunter2@localhost//1': /path that is no number/,
    'redis://:hunter2@localhost/1e3': /path that is no number/,
    'redis://:hunter2@localhost/%31': /path that is no number/,
    'redis://:hunter2@localhost/999999': /path that is no number/,
    'redis://:hunter2@localhost/db1': /path that is no number/,
    'redis://:hunter2@localhost?db=1': /query.*the database is the path/,
    'redis://:hunter2@localhost/?db=1': /query/,
    'redis://:hunter2@localhost/1?': /query/,
    'redis://:hunter2@localhost/1?family=6': /query/,
    'redis://:hunter2@localhost#1': /#/,
    'redis://:hunter2@localhost/1#': /#/,
    'redis://:hunter2#more@localhost': /%23/,
    'redis://:hunter2/more@localhost': /%2F/,
    'redis://:hunter2?more@localhost': /%3F/,
    'redis://:hunter2%ff@localhost': /%25/,
    'redis://:hunter2 @localhost': /blanks/,
    'redis://:hunter2@localhost/1 ': /blanks/,
    'redis://hunter2@localhost': /no password/,
    'redis://hunter2:@localhost': /empty password/,
    'redis://:@localhost': /empty password/,
    'redis://:hunter2@': /no host/,
    'redis://:hunter2@:6379': /no host/,
    'redis:///1': /no host/,
    'redis://': /no host/,
    'redis://:hunter2@::1:6379': /brackets/,
    'redis://:hunter2@[::1': /brackets/,
    'redis://:hunter2@[localhost]': /brackets/,
    'redis://:hunter2@local%20host': /host/,
    'redis://:hunter2@a,b': /host/,
    'redis://:hunter2@localhost:': /port/,
    'redis://:hunter2@localhost:0': /port/,
    'redis://:hunter2@localhost:65536': /port/,
    'redis://:hunter2@localhost:6379x': /port/,
    'redis://:hunter2:localhost:6379': /host/,
    'redis:/hunter2': /must begin with redis:\/\//,
    'hunter2:6379': /must begin with redis:\/\//,
    'http://:hunter2@localhost': /must begin with redis:\/\//,
    '//hunter2:6379': /must begin with redis:\/\//
  }
  for (const [url, reason] of Object.entries(bad)) {
    const { message } = t.throws(() => redisAddress(url), reason, url) as Error
    t.notMatch(message, 'hunter2', url)
  }
})

t.test('what this version cannot do is named', async t => {
  for (const scheme of ['redis+sentinel', 'redis+cluster', 'rediss+sentinel', 'redis-sentinel', 'sentinel', 'cluster', 'unix', 'redis+unix', 'redis+socket']) {
    const { message } = t.throws(() => redisAddress(`${scheme}://:hunter2@h1:1,h2:2/name`), { message: /this version does not support yet/ }) as Error
    t.match(message, scheme)
    t.notMatch(message, 'hunter2')
  }
  t.throws(() => redisAddress('valkey://localhost'), { message: /write redis:\/\// })
  t.throws(() => redisAddress('valkeys://localhost'), { message: /write rediss:\/\// })
})
