import { amazon } from './catalogue/amazon.ts'
import { apple } from './catalogue/apple.ts'
import { atlassian } from './catalogue/atlassian.ts'
import { auth0 } from './catalogue/auth0.ts'
import { authentik } from './catalogue/authentik.ts'
import { bitbucket } from './catalogue/bitbucket.ts'
import { box } from './catalogue/box.ts'
import { cognito } from './catalogue/cognito.ts'
import { coinbase } from './catalogue/coinbase.ts'
import { digitalocean } from './catalogue/digitalocean.ts'
import { discord } from './catalogue/discord.ts'
import { dropbox } from './catalogue/dropbox.ts'
import { facebook } from './catalogue/facebook.ts'
import { figma } from './catalogue/figma.ts'
import { forgejo, gitea } from './catalogue/gitea.ts'
import { github } from './catalogue/github.ts'
import { gitlab } from './catalogue/gitlab.ts'
import { google } from './catalogue/google.ts'
import { hubspot } from './catalogue/hubspot.ts'
import { huggingface } from './catalogue/huggingface.ts'
import { kakao } from './catalogue/kakao.ts'
import { keycloak } from './catalogue/keycloak.ts'
import { line } from './catalogue/line.ts'
import { linear } from './catalogue/linear.ts'
import { linkedin } from './catalogue/linkedin.ts'
import { mailru } from './catalogue/mailru.ts'
import { mediawiki } from './catalogue/mediawiki.ts'
import { microsoft } from './catalogue/microsoft.ts'
import { naver } from './catalogue/naver.ts'
import { notion } from './catalogue/notion.ts'
import { okta } from './catalogue/okta.ts'
import { patreon } from './catalogue/patreon.ts'
import { paypal } from './catalogue/paypal.ts'
import { salesforce } from './catalogue/salesforce.ts'
import { slack } from './catalogue/slack.ts'
import { spotify } from './catalogue/spotify.ts'
import { twitch } from './catalogue/twitch.ts'
import { vercel } from './catalogue/vercel.ts'
import { vk } from './catalogue/vk.ts'
import { workos } from './catalogue/workos.ts'
import { x } from './catalogue/x.ts'
import { x1 } from './catalogue/x1.ts'
import { yahoo } from './catalogue/yahoo.ts'
import { yandex } from './catalogue/yandex.ts'
import { zitadel } from './catalogue/zitadel.ts'
import { zoom } from './catalogue/zoom.ts'
import type { Descriptor } from './descriptor.ts'

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
