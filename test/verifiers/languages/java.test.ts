import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { freePort, temporaryFolder, type Teardown } from '../../helpers/app.ts'
import { eventually } from '../../helpers/eventually.ts'
import { filledIn, snippetsOf, snippetWith } from '../snippets.ts'
import { email, judge, startIssuer, type Verifier } from '../tokens.ts'
import { runTool, sources } from './program.ts'

const page = 'docs/verify-tokens.md'
const classes = temporaryFolder(t)
const configurations = snippetsOf(page, 'yaml').filter(yaml => yaml.includes('resourceserver'))

t.before(async () => {
  const around = readFileSync(join(sources, 'java/Application.java'), 'utf8')
  mkdirSync(join(classes, 'src/main/java/snippet'), { recursive: true })
  copyFileSync(join(sources, 'java/pom.xml'), join(classes, 'pom.xml'))
  writeFileSync(join(classes, 'src/main/java/snippet/Application.java'), around.replace('// the snippet', () => snippetWith(page, 'java', '/hello')))
  await runTool('mvn', ['--batch-mode', '--quiet', 'compile', 'dependency:build-classpath', '-Dmdep.outputFile=classpath'], classes)
})

/** The application with this configuration. */
async function startSpring (t: Teardown, yaml: string): Promise<Verifier> {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'application.yaml'), yaml)
  const port = await freePort()
  const classpath = `${join(classes, 'target/classes')}:${readFileSync(join(classes, 'classpath'), 'utf8')}`
  const child = spawn('java', ['-XX:TieredStopAtLevel=1', '-Xmx256m', '-cp', classpath, 'snippet.Application', `--server.port=${port}`], { cwd: folder })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { printed += String(chunk) })
  const ended = new Promise<void>(resolve => { child.once('close', () => resolve()) })
  t.teardown(async () => {
    child.kill()
    await ended
  })
  const ask = (token: string) => fetch(`http://127.0.0.1:${port}/hello`, { headers: { authorization: `Bearer ${token}` } })
  await eventually('Spring answers', () => child.exitCode !== null || ask('x').then(() => true, () => false), 120_000)
  return async token => {
    const answer = await ask(token)
    if (answer.status === 401) return undefined
    if (answer.status !== 200) throw new Error(`Spring answered ${answer.status}\n${printed}`)
    return (await answer.text()).replace('Hello ', '')
  }
}

t.test('the page configures Spring by the issuer, and by the address of the keys', async t => {
  t.same(configurations.map(yaml => yaml.includes('jwk-set-uri')), [false, true])
})

for (const [index, what] of ['by the issuer', 'by the address of the keys'].entries()) {
  t.test(`Spring, configured ${what}, accepts our tokens, and no bad one of any kind`, async t => {
    const issuer = await startIssuer(t)
    const yaml = filledIn(String(configurations[index]), issuer.url).replace('http://handstamp:3000', issuer.url)
    await judge(t, issuer, await startSpring(t, yaml))
  })
}

t.test('by the address of the keys Spring takes another algorithm only where it is told', async t => {
  const issuer = await startIssuer(t, { SIGNING_ALG: 'ES256' })
  const yaml = filledIn(String(configurations[1]), issuer.url).replace('http://handstamp:3000', issuer.url)
  const token = await issuer.token()
  t.equal(await (await startSpring(t, yaml))(token), undefined)
  t.equal(await (await startSpring(t, yaml.replace('jws-algorithms: RS256', 'jws-algorithms: ES256')))(token), email)
})
