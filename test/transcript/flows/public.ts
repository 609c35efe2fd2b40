import { stage, type Play } from '../stage.ts'

const json = { accept: 'application/json' }
const page = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

/** What needs no login: documents, health, the API description. */
export const publicFlows: Record<string, [title: string, play: Play]> = {
  documents: ['What verifiers read', async (t, record) => {
    const { ask } = await stage(t, record)
    for (const path of ['jwks.json', 'openid-configuration', 'oauth-authorization-server']) {
      record.chapter(path)
      await ask('GET', `/.well-known/${path}`)
      await ask('HEAD', `/.well-known/${path}`)
      await ask('GET', `/.well-known/${path}`, { 'if-none-match': '*' })
      await ask('GET', `/.well-known/${path}`, { origin: 'https://anyone.example' })
    }
    record.chapter('Refusals')
    await ask('GET', '/.well-known/token-status/0')
    await ask('GET', '/.well-known/token-status/x')
    await ask('GET', '/.well-known/nothing')
    await ask('POST', '/.well-known/jwks.json')
    await ask('OPTIONS', '/.well-known/jwks.json', {
      origin: 'https://anyone.example', 'access-control-request-method': 'GET'
    })
  }],

  'documents-https': ['What verifiers read, on https, with RS256 and status lists', async (t, record) => {
    const { ask } = await stage(t, record, {
      PUBLIC_URL: 'https://auth.example.com',
      GOOGLE_CLIENT_ID: 'x',
      GOOGLE_CLIENT_SECRET: 'y',
      SIGNING_ALG: 'RS256',
      TOKEN_STATUS: 'true'
    })
    await ask('GET', '/.well-known/jwks.json')
    await ask('GET', '/.well-known/openid-configuration')
    await ask('GET', '/.well-known/token-status/0')
    await ask('GET', '/.well-known/token-status/7')
  }],

  health: ['Health', async (t, record) => {
    const { ask } = await stage(t, record)
    for (const path of ['/livez', '/healthz', '/readyz']) {
      await ask('GET', path)
      await ask('HEAD', path)
    }
    await ask('POST', '/livez')
    record.chapter('The root')
    await ask('GET', '/')
    await ask('HEAD', '/')
  }],

  docs: ['The API description, without its text', async (t, record) => {
    const { ask } = await stage(t, record)
    record.leaveOutBodies()
    for (const path of ['/auth/docs', '/auth/openapi.json', '/auth/openapi.yaml']) {
      await ask('GET', path, page)
      await ask('HEAD', path, page)
    }
    await ask('POST', '/auth/docs', json)
  }]
}
