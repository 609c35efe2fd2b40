import { amazon } from './amazon.ts'
import { apple } from './apple.ts'
import { atlassian } from './atlassian.ts'
import { auth0 } from './auth0.ts'
import { authentik } from './authentik.ts'
import { bitbucket } from './bitbucket.ts'
import { box } from './box.ts'
import { cognito } from './cognito.ts'
import { coinbase } from './coinbase.ts'
import { digitalocean } from './digitalocean.ts'
import { discord } from './discord.ts'
import { dropbox } from './dropbox.ts'
import { facebook } from './facebook.ts'
import { figma } from './figma.ts'
import { forgejo, gitea } from './gitea.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import { google } from './google.ts'
import { hubspot } from './hubspot.ts'
import { huggingface } from './huggingface.ts'
import { kakao } from './kakao.ts'
import { keycloak } from './keycloak.ts'
import { line } from './line.ts'
import { linear } from './linear.ts'
import { linkedin } from './linkedin.ts'
import { mailru } from './mailru.ts'
import { mediawiki } from './mediawiki.ts'
import { microsoft } from './microsoft.ts'
import { naver } from './naver.ts'
import { notion } from './notion.ts'
import { okta } from './okta.ts'
import { patreon } from './patreon.ts'
import { paypal } from './paypal.ts'
import { salesforce } from './salesforce.ts'
import { slack } from './slack.ts'
import { spotify } from './spotify.ts'
import { twitch } from './twitch.ts'
import { vercel } from './vercel.ts'
import { vk } from './vk.ts'
import { workos } from './workos.ts'
import { x } from './x.ts'
import { x1 } from './x1.ts'
import { yahoo } from './yahoo.ts'
import { yandex } from './yandex.ts'
import { zitadel } from './zitadel.ts'
import { zoom } from './zoom.ts'
import type { Descriptor } from '../descriptor.ts'

export type Catalogue = Record<string, Descriptor>

/** The providers we know by name, in the order of the sign-in page. Any other comes by configuration: see generic.ts. */
export const catalogue: Catalogue = {
  google,
  apple,
  microsoft,
  github,
  facebook,
  amazon,
  atlassian,
  auth0,
  authentik,
  bitbucket,
  box,
  cognito,
  coinbase,
  digitalocean,
  discord,
  dropbox,
  figma,
  forgejo,
  gitea,
  gitlab,
  hubspot,
  huggingface,
  kakao,
  keycloak,
  line,
  linear,
  linkedin,
  mailru,
  mediawiki,
  naver,
  notion,
  okta,
  patreon,
  paypal,
  salesforce,
  slack,
  spotify,
  twitch,
  vercel,
  vk,
  workos,
  x,
  x1,
  yahoo,
  yandex,
  zitadel,
  zoom
}
