import { apple } from './catalogue/apple.ts'
import { atlassian } from './catalogue/atlassian.ts'
import { auth0 } from './catalogue/auth0.ts'
import { bitbucket } from './catalogue/bitbucket.ts'
import { cognito } from './catalogue/cognito.ts'
import { dropbox } from './catalogue/dropbox.ts'
import { facebook } from './catalogue/facebook.ts'
import { github } from './catalogue/github.ts'
import { google } from './catalogue/google.ts'
import { keycloak } from './catalogue/keycloak.ts'
import { microsoft } from './catalogue/microsoft.ts'
import { okta } from './catalogue/okta.ts'
import { salesforce } from './catalogue/salesforce.ts'
import { workos } from './catalogue/workos.ts'
import { x1 } from './catalogue/x1.ts'
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
  x1,
  atlassian,
  auth0,
  bitbucket,
  cognito,
  dropbox,
  keycloak,
  okta,
  salesforce,
  workos,
  zoom
}
