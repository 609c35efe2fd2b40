import { amazon } from './catalogue/amazon.ts'
import { apple } from './catalogue/apple.ts'
import { discord } from './catalogue/discord.ts'
import { facebook } from './catalogue/facebook.ts'
import { github } from './catalogue/github.ts'
import { gitlab } from './catalogue/gitlab.ts'
import { google } from './catalogue/google.ts'
import { linkedin } from './catalogue/linkedin.ts'
import { microsoft } from './catalogue/microsoft.ts'
import { slack } from './catalogue/slack.ts'
import { spotify } from './catalogue/spotify.ts'
import { twitch } from './catalogue/twitch.ts'
import { x } from './catalogue/x.ts'
import { x1 } from './catalogue/x1.ts'
import { yahoo } from './catalogue/yahoo.ts'
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
  amazon,
  discord,
  gitlab,
  linkedin,
  slack,
  spotify,
  twitch,
  x,
  yahoo
}
