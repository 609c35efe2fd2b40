import { apple } from './catalogue/apple.ts'
import { facebook } from './catalogue/facebook.ts'
import { figma } from './catalogue/figma.ts'
import { github } from './catalogue/github.ts'
import { google } from './catalogue/google.ts'
import { kakao } from './catalogue/kakao.ts'
import { line } from './catalogue/line.ts'
import { mediawiki } from './catalogue/mediawiki.ts'
import { microsoft } from './catalogue/microsoft.ts'
import { naver } from './catalogue/naver.ts'
import { notion } from './catalogue/notion.ts'
import { vk } from './catalogue/vk.ts'
import { x1 } from './catalogue/x1.ts'
import { yandex } from './catalogue/yandex.ts'
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
  figma,
  kakao,
  line,
  mediawiki,
  naver,
  notion,
  vk,
  yandex
}
