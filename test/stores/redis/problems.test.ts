import t from 'tap'
import { isReplica, RedisProblem, tlsOptions } from '../../../src/stores/redis/problems.ts'

const address = { host: 'redis.example.com', port: 6379, tls: false, username: 'ada', password: 'hunter2', db: 7 }
const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' })
/** What Redis up to 6.2 says of a command within a script. */
const inScript = (words: string) => reply(`ERR Error running script (call to f_1): @user_script:19: @user_script: 19: ${words}`)
const failure = (code: string) => Object.assign(new Error(`connect ${code}`), { code })
const problem = (error: unknown, more = {}) => new RedisProblem('Redis cannot be reached', error, { ...address, ...more })

t.test('a problem with Redis says in words what it is, where, and Redis\' own word for it', async t => {
  const texts: Array<[Error, RegExp, lasting: boolean]> = [
    [reply('WRONGPASS invalid username-password pair or user is disabled.'), /password in REDIS_URL is wrong.*\(WRONGPASS\)$/, true],
    [reply('ERR invalid password'), /password in REDIS_URL is wrong/, true],
    [reply('NOAUTH Authentication required.'), /asks for a password.*\(NOAUTH\)$/, true],
    [reply("NOPERM this user has no permissions to run the 'evalsha' command"), /user ada may not evalsha: ACL SETUSER ada .*\(NOPERM\)$/, true],
    [reply('NOPERM this user has no permissions to access one of the keys used as arguments'), /may not use our keys/, true],
    [reply('MISCONF Redis is configured to save RDB snapshots'), /cannot save to its disk.*\(MISCONF\)$/, false],
    [reply("OOM command not allowed when used memory > 'maxmemory'."), /full: raise its maxmemory \(OOM\)$/, false],
    [reply('ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -OOM command not allowed'), /\(OOM\)$/, false],
    [reply("ERR Error running script (call to f_1): @user_script:5: -READONLY You can't write against a read only replica."), /\(READONLY\)$/, false],
    [reply('LOADING Redis is loading the dataset in memory'), /loading its data/, false],
    [reply('MASTERDOWN Link with MASTER is down'), /lost its primary/, false],
    [reply('NOREPLICAS Not enough good replicas to write.'), /min-replicas-to-write/, false],
    [reply('MOVED 3999 127.0.0.1:6381'), /cluster/, true],
    [reply("CROSSSLOT Keys in request don't hash to the same slot"), /cluster/, true],
    [reply('CLUSTERDOWN Hash slot not served'), /cluster/, false],
    [reply('DENIED Redis is running in protected mode'), /protected mode/, true],
    [reply('ERR DB index is out of range'), /no database 7/, true],
    [reply('ERR max number of clients reached'), /maxclients/, false],
    [reply("ERR unknown command 'evalsha', with args beginning with: 'x'"), /does not know the command evalsha/, true],
    [inScript('The user executing the script can\'t run this command or subcommand'), /ACL SETUSER ada/, true],
    [inScript('Unknown Redis command called from Lua script'), /the command that a script needs: .*renamed/, true],
    [reply('ERR syntax error'), /EXAT.*6\.2/, true],
    [reply('BUSY Redis is busy running a script.'), /SCRIPT KILL/, false],
    [reply('ERR something else'), /it answered ERR$/, false],
    [reply('else'), /it answered an error$/, false],
    [failure('ECONNREFUSED'), /nothing listens there.*\(ECONNREFUSED\)$/, false],
    [failure('ENOTFOUND'), /host name redis\.example\.com is unknown \(ENOTFOUND\)$/, false],
    [failure('EAI_AGAIN'), /name server gives no answer/, false],
    [failure('ETIMEDOUT'), /not answered in time/, false],
    [failure('EHOSTUNREACH'), /no way to that host/, false],
    [failure('ENETUNREACH'), /no way to that network/, false],
    [failure('ECONNRESET'), /closed the connection \(write rediss:\/\//, false],
    [failure('EPIPE'), /closed the connection/, false],
    [failure('EIO'), /the connection failed \(EIO\)$/, false],
    [failure('EPROTO'), /does not speak TLS/, true],
    [failure('ERR_SSL_WRONG_VERSION_NUMBER'), /does not speak TLS/, true],
    [failure('CERT_HAS_EXPIRED'), /has expired/, true],
    [failure('CERT_NOT_YET_VALID'), /clock of this machine/, true],
    [failure('ERR_TLS_CERT_ALTNAME_INVALID'), /another name than redis\.example\.com/, true],
    [failure('DEPTH_ZERO_SELF_SIGNED_CERT'), /NODE_EXTRA_CA_CERTS/, true],
    [failure('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), /NODE_EXTRA_CA_CERTS/, true],
    [failure('CERT_REVOKED'), /certificate cannot be verified \(CERT_REVOKED\)$/, true],
    [new Error('Connection is closed.'), /closed the connection/, false],
    [new Error("Stream isn't writeable and enableOfflineQueue options is false"), /connection is lost/, false],
    [new Error('no answer in time'), /does not answer/, false]
  ]
  for (const [error, text, lasting] of texts) {
    const found = problem(error)
    t.match(found.message, /^Redis cannot be reached \(redis\.example\.com:6379\): /)
    t.match(found.message, text)
    t.equal(found.lasting, lasting, error.message)
    t.notMatch(found.message, 'hunter2')
    t.match(found, { name: 'StoreError', cause: Error })
  }
  t.match(problem(failure('ECONNRESET'), { tls: true }).message, /closed the connection \(ECONNRESET\)$/)
  t.match(problem(failure('ETIMEDOUT'), { tls: true }).message, /write redis:\/\/ \(ETIMEDOUT\)$/)
  t.match(problem(undefined).message, /does not answer/)
  const refused = problem(reply("NOPERM User default has no permissions to run the 'client|setinfo' command"), { username: undefined })
  t.match(refused.message, /user default may not client\|setinfo/)
})

t.test('what Redis was asked with does not come into the log', async t => {
  const { cause } = problem(reply("ERR unknown command 'evalsha', with args beginning with: 'handstamp:sessions/ada' 'secret'"))
  t.equal((cause as Error).message, "ERR unknown command 'evalsha'")
})

t.test('TLS is verified for the name of the host', async t => {
  t.same(tlsOptions(address), { rejectUnauthorized: true, servername: 'redis.example.com' })
  t.same(tlsOptions({ ...address, host: '::1' }), { rejectUnauthorized: true })
})

t.test('L18 a failover is known, also by what Redis 6.2 says of a script', async t => {
  const words = 'READONLY You can\'t write against a read only replica.'
  for (const message of [words, `${words} script: 800206dd, on @user_script:19.`, inScript(`-${words}`).message]) t.ok(isReplica(new Error(message)))
  t.notOk(isReplica(new Error('ERR something else')))
})
